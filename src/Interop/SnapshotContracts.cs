// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the contract between the snapshot machinery (park, clone, watch) and the scanner that marks in the child.
// Who calls it: Scanner/Scheduling on the dedicated scanner thread.
// The one idea: all memory the child needs is handed over as pointers before the clone; all it finds comes back through
// shared pages; neither side ever waits for the other without a bound.
using System.Runtime.InteropServices;

namespace NativeLeak.Interop;

/// <summary>What parent and child share. In MAP_SHARED memory; every field is written by one side only.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SnapshotView
{
    /// <summary>The threads of the process, complete before the clone. Written by the parent.</summary>
    public ParkedThread* Threads;

    /// <summary>Entries in <see cref="Threads"/>.</summary>
    public int ThreadCount;

    /// <summary>Of these, how many were parked (their registers are known).</summary>
    public int ParkedCount;

    /// <summary>
    /// A counter the child raises while it works (at least once per 64 MiB read or 1,000,000 blocks): the watchdog
    /// measures silence, not total time, so that a large heap is never mistaken for a hang. Written by the child.
    /// </summary>
    public long Progress;

    /// <summary>Set to 1 by the parent when its part in the parked world (<see cref="SnapshotRequest.AfterClone"/>) is
    /// complete and the memory it filled may be read. A futex word: the child waits on it (bounded) by FUTEX_WAIT.</summary>
    public int ParentDone;

    /// <summary>Free for the child: the stage it reached, shown when it dies.</summary>
    public int Stage;

    /// <summary>Process id of the parent.</summary>
    public int ParentProcessId;

    /// <summary>Process id of the child, 0 until the clone returned.</summary>
    public int ChildProcessId;

    /// <summary>Children of this snapshot that died or fell silent before this one: reason for it to be careful. One that was
    /// thrown away because threads were held too long is none.</summary>
    public int FailedChildren;
}

/// <summary>What the snapshot machinery is asked to do. All function pointers are managed and child-safe
/// (<see cref="ChildCodeAttribute"/>); they get the view and <see cref="Context"/>.</summary>
/// <remarks>
/// The two parts of the parent run with every signal blocked: a fault there is the end of the host. They read memory that
/// is not the detector's own by <see cref="Linux.SafeRead"/> only, and are short: threads leave by themselves when they are
/// held for more than 0.9 s. A fault in the child ends the child.
/// The child has an empty descriptor table of its own (Linux 5.9 and later): what it needs it opens, and nothing it opens
/// can stay behind in the parent. It cannot read the parent by SafeRead where ptrace is restricted (yama); the parent can
/// always read the child.
/// </remarks>
internal unsafe struct SnapshotRequest
{
    /// <summary>Runs in the parent, all threads parked, before the clone (freeze counters here). May be null.</summary>
    public delegate*<SnapshotView*, void*, void> BeforeClone;

    /// <summary>Runs in the parent, threads still parked, after the clone (read what the child cannot see). May be null.</summary>
    public delegate*<SnapshotView*, void*, void> AfterClone;

    /// <summary>Runs in the child. When it returns, the child ends with the code that means success.</summary>
    public delegate*<SnapshotView*, void*, void> Child;

    /// <summary>Passed to all three; points into native memory of ours.</summary>
    public void* Context;

    /// <summary>Silence of <see cref="SnapshotView.Progress"/> after which the child is killed.</summary>
    public TimeSpan SilenceLimit;

    /// <summary>Tries altogether (a killed or crashed child is tried again).</summary>
    public int MaxAttempts;
}

/// <summary>How a snapshot ended.</summary>
internal enum SnapshotStatus
{
    /// <summary>The child finished and its results are complete.</summary>
    Completed = 0,

    /// <summary>The system refused the clone (<see cref="SnapshotResult.ErrorNumber"/> says why).</summary>
    CloneRefused,

    /// <summary>The child died of a signal or ended early, in every attempt.</summary>
    ChildDied,

    /// <summary>The child fell silent and was killed, in every attempt.</summary>
    ChildSilent,

    /// <summary>Threads cannot be parked here: the runtime's signal is not set up as expected. No snapshot was tried.</summary>
    ParkingUnavailable,

    /// <summary>
    /// The clone took longer than threads may be held, in every attempt: some ran while the copy was made, so it is torn
    /// and was thrown away. The limit grows with each such attempt.
    /// </summary>
    HoldExceeded,

    /// <summary>The scan was given up before its end: somebody asked for that.</summary>
    Interrupted,

    /// <summary>The memory of the living process cannot be read fault-safely here (<see cref="SnapshotResult.Detail"/>).</summary>
    ReadingUnavailable,
}

/// <summary>The outcome of one snapshot, with its costs.</summary>
internal readonly record struct SnapshotResult(
    SnapshotStatus Status,
    int ErrorNumber,
    int Stage,
    int Attempts,
    int ThreadsFound,
    int ThreadsParked,
    TimeSpan PauseTime,
    TimeSpan ParkTime,
    TimeSpan CloneTime,
    TimeSpan ChildTime,
    string? Detail)
{
    /// <summary>Living threads whose registers, or even whose existence, the snapshot may have missed: late, blocking, unlisted.</summary>
    public int ThreadsUncovered { get; init; }
}

/// <summary>
/// Contract: a frozen copy of this process in which <see cref="SnapshotRequest.Child"/> runs.
/// Pre: called on the dedicated scanner thread; <see cref="ChildCode.PrepareAll"/> ran for every assembly involved.
/// Post: every thread runs again, whatever happened; the child is reaped; nobody else could reap it; no SIGCHLD was sent.
/// Never throws for what the system does.
/// </summary>
internal interface ISnapshotEngine
{
    /// <summary>Takes one snapshot and waits for its child.</summary>
    SnapshotResult Take(in SnapshotRequest request);
}
