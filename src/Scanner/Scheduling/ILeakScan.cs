// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Verdicts;

namespace NativeLeak.Scheduling;

/// <summary>How the managed heap is read.</summary>
internal enum ManagedHeapMode
{
    /// <summary>Follow objects reached from roots; a dead object keeps nothing alive.</summary>
    Trace = 0,

    /// <summary>Read every byte of it as roots.</summary>
    Conservative = 1,

    /// <summary>Do not read it at all (finds too much; for experiments).</summary>
    None = 2,
}

/// <summary>What one scan is asked to do.</summary>
internal readonly record struct ScanParameters(
    TimeSpan MinimumAge,
    ManagedHeapMode ManagedHeap,
    bool InteriorCountsAsStart,
    int MaximumLostBlocks);

/// <summary>Contract: one scan of the process. Pre: called on the dedicated scanner thread. Post: an outcome, whatever
/// happened; never throws for what the system or the application does.</summary>
internal interface ILeakScan
{
    /// <summary>Scans and waits for the verdicts.</summary>
    ScanOutcome Run(in ScanParameters parameters);
}
