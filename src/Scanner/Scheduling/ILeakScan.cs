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

    /// <summary>Whether lost blocks get a checksum of their content.</summary>
    public bool WantsChecksums { get; init; }

    /// <summary>Whether finalizers still run: the runtime raises ProcessExit on the thread that would run them.</summary>
    public bool CanFinalize { get; init; }

    /// <summary>What the scan shall answer about one address.</summary>
    public Questions.Question Question { get; init; }

    /// <summary>Whether the scan writes down what holds each block, for later scans. Every scan reads what is there.</summary>
    public bool RemembersHolders { get; init; }

    /// <summary>Whether stacks and registers are left out.</summary>
    public bool SkipsStacks { get; init; }

    /// <summary>By which signs a pointer into a block counts as one to its start.</summary>
    public InteriorHeuristics Heuristics { get; init; }

    /// <summary>How the process is read.</summary>
    public ScanMode Mode { get; init; }

    /// <summary>Whether a scan that has begun shall be given up; null: never. Asked every few milliseconds while the process is
    /// read as it runs; a snapshot goes to its end.</summary>
    public Func<bool>? IsAborted { get; init; }

    /// <summary>Whether the process ends with this scan: blocks on their way are judged.</summary>
    public bool IsLast { get; init; }
}

/// <summary>Contract: one scan of the process. Pre: called on the dedicated scanner thread. Post: an outcome, whatever
/// happened; never throws for what the system or the application does.</summary>
internal interface ILeakScan
{
    /// <summary>Scans and waits for the verdicts.</summary>
    ScanOutcome Run(in ScanParameters parameters);
}
