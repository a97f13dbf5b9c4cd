// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;

namespace NativeLeak.Verdicts;

/// <summary>
/// One finished (or failed) scan, as it travels from Marking to Reporting. The lost blocks stay in native memory of ours:
/// <see cref="Lost"/> is valid until <see cref="Dispose"/>.
/// </summary>
internal abstract class ScanOutcome : IDisposable
{
    /// <summary>Running number of the scan in this process, from 1.</summary>
    public required int Number { get; init; }

    /// <summary>When it started.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>How long the whole scan took.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>The snapshot's own result: pause, threads, attempts, why it failed.</summary>
    public required SnapshotResult Snapshot { get; init; }

    /// <summary>Totals and coverage. All zero when the snapshot failed.</summary>
    public required ScanCounters Counters { get; init; }

    /// <summary>How the process was read.</summary>
    public ScanManner Manner { get; init; } = ScanManner.Snapshot;

    /// <summary>How the managed heap was read, but for a child that had no memory for tracing (its warning says so).</summary>
    public ManagedHeapMode ManagedHeap { get; init; }

    /// <summary>Why it was read otherwise than asked, or what was not done for it; empty when all went as asked.</summary>
    public string ManagedHeapReason { get; init; } = string.Empty;

    /// <summary>The answer to the question that the scan was asked; null when there was none, or no answer.</summary>
    public Questions.RawAnswer? Answer { get; init; }

    /// <summary>Whether no gap of the scan can have hidden a pointer: every report of a scan that is not is inconclusive.</summary>
    public bool IsConclusive => Snapshot.Status == SnapshotStatus.Completed && Snapshot.ThreadsUncovered == 0
        && ((ScanWarning)Counters.Warnings & Inconclusive) == ScanWarning.None;

    private const ScanWarning Inconclusive = ScanWarning.ThreadsNotParked | ScanWarning.LiveMemoryUnread
        | ScanWarning.TableOverflow | ScanWarning.MemoryUnreadable | ScanWarning.MappingsUnreadable | ScanWarning.Unconfirmed;

    /// <summary>The lost, possible and young blocks, definite first, unordered within a kind.</summary>
    public abstract ReadOnlySpan<LostBlock> Lost { get; }

    /// <summary>What is known of the pointers to each entry of <see cref="Lost"/>, in its order; empty when that could not
    /// be kept. Valid as long.</summary>
    public virtual ReadOnlySpan<LostDetail> Details => default;

    /// <summary>The outcome for the blocks of one check only; 0: all blocks. Takes this outcome's place.</summary>
    public virtual ScanOutcome Within(uint check) => this;

    /// <summary>Gives the native memory back.</summary>
    public abstract void Dispose();
}
