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

    /// <summary>How the managed heap was asked to be read.</summary>
    public ManagedHeapMode ManagedHeap { get; init; }

    /// <summary>Whether no gap of the scan can have hidden a pointer: every report of a scan that is not is inconclusive.</summary>
    public bool IsConclusive => Snapshot.Status == SnapshotStatus.Completed && Snapshot.ThreadsUncovered == 0
        && ((ScanWarning)Counters.Warnings & Inconclusive) == ScanWarning.None;

    private const ScanWarning Inconclusive = ScanWarning.ThreadsNotParked | ScanWarning.LiveMemoryUnread
        | ScanWarning.TableOverflow | ScanWarning.MemoryUnreadable | ScanWarning.MappingsUnreadable;

    /// <summary>The lost, possible and young blocks, definite first, unordered within a kind.</summary>
    public abstract ReadOnlySpan<LostBlock> Lost { get; }

    /// <summary>Gives the native memory back.</summary>
    public abstract void Dispose();
}
