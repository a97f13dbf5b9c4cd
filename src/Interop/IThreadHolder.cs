// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Interop;

/// <summary>What is done with threads while they are held. The function is managed and child-safe
/// (<see cref="ChildCodeAttribute"/>).</summary>
internal unsafe struct HoldRequest
{
    /// <summary>Runs on the caller's thread while a group is held, with every signal blocked. The view lists that group, behind
    /// the caller's own thread. It reads memory of the application by <see cref="Linux.SafeRead"/> only.</summary>
    public delegate*<SnapshotView*, void*, void> Held;

    /// <summary>Passed on; points into native memory of ours.</summary>
    public void* Context;

    /// <summary>How many threads are held at a time; 0: all of them, together.</summary>
    public int GroupSize;

    /// <summary>Longest time a thread is held before it leaves by itself; zero: that of a snapshot.</summary>
    public TimeSpan Limit;
}

/// <summary>
/// Contract: threads of this process held for a moment, without a copy of it.
/// Pre: called on the dedicated scanner thread; <see cref="ChildCode.PrepareAll"/> ran for every assembly involved.
/// Post: every thread was held once, in some group, or is counted as uncovered; every thread runs again, whatever happened.
/// Never throws for what the system does.
/// </summary>
internal interface IThreadHolder
{
    /// <summary>Holds the threads. The pause in the result is the longest of one group.</summary>
    SnapshotResult Hold(in HoldRequest request);
}
