// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Verdicts;

namespace NativeLeak.Scheduling;

/// <summary>What one scan is asked to do.</summary>
internal readonly record struct ScanParameters(
    TimeSpan MinimumAge,
    ManagedHeapMode ManagedHeap,
    bool InteriorCountsAsStart,
    int MaximumLostBlocks)
{
    /// <summary>Mean number of bytes between two recorded blocks; 0: every block is recorded.</summary>
    public long SampleIntervalBytes { get; init; }
}

/// <summary>Contract: one scan of the process. Pre: called on the dedicated scanner thread. Post: an outcome, whatever
/// happened; never throws for what the system or the application does.</summary>
internal interface ILeakScan
{
    /// <summary>Scans and waits for the verdicts.</summary>
    ScanOutcome Run(in ScanParameters parameters);
}
