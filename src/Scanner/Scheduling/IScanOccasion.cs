// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Reporting;

namespace NativeLeak.Scheduling;

/// <summary>Contract: something that wants scans nobody waits for. Pre: every member is called on the scanner thread,
/// <see cref="Begin"/> first.</summary>
internal interface IScanOccasion
{
    /// <summary>Starts its clock.</summary>
    void Begin();

    /// <summary>Plans anew, when it was told to from another thread.</summary>
    void Change();

    /// <summary>Time until it wants to be asked (zero or less: now); null: never.</summary>
    TimeSpan? DueIn();

    /// <summary>Asks it, when it is due. False: not yet; then <see cref="DueIn"/> has moved on.</summary>
    bool TryCreateRequest(out ReportRequest request);

    /// <summary>Hands it the report that it asked for.</summary>
    void OnReport(LeakReport report);
}
