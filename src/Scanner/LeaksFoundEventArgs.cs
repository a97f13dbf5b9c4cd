// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>What a scheduled scan found that was not known before.</summary>
public sealed class LeaksFoundEventArgs : EventArgs
{
    internal LeaksFoundEventArgs(LeakReport report, IReadOnlyList<LeakGroup> newLeaks)
        => (Report, NewLeaks) = (report, newLeaks);

    /// <summary>The whole report of the scan.</summary>
    public LeakReport Report { get; }

    /// <summary>The groups that are new, or have more blocks than at the last scheduled scan.</summary>
    public IReadOnlyList<LeakGroup> NewLeaks { get; }
}
