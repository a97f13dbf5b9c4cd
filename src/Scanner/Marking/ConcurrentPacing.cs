// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how much of a processor a scan of the living process takes, and how it is given up.
// Who calls it: the reader, after every slice; ConcurrentScan around it.
// The one idea: the scanner sleeps after each slice and never preempts anybody when it wakes (SCHED_BATCH). It is not made
// nicer: an ordinary process cannot take that back, and its last look, which holds everybody, would be as slow.
// Safety: the reader is a page of ours that outlives the pass.
using NativeLeak.Interop.Linux;

namespace NativeLeak.Marking;

/// <summary>The pace of one scan. The scanner thread's own.</summary>
/// <param name="isAborted">Whether the scan shall be given up; null: never.</param>
/// <param name="isHurried">Whether it does not pause: at the end of the process, which waits for it.</param>
internal sealed unsafe class ConcurrentPacing(Func<bool>? isAborted, bool isHurried) : IDisposable
{
    private const nint SchedOther = 0, SchedBatch = 3;
    private static readonly TimeSpan s_sleep = TimeSpan.FromMilliseconds(1);

    // The pass that runs on this thread: a function pointer carries no object.
    [ThreadStatic]
    private static ConcurrentPacing? t_current;

    private bool _isBatch;

    /// <summary>Whether somebody asked for the end.</summary>
    public bool IsAborted => isAborted?.Invoke() == true;

    /// <summary>Lets a reader pause from now on.</summary>
    public void Attach(LiveReader* reader)
    {
        t_current = this;
        reader->Pause = &Pause;
        reader->IsAborted = IsAborted ? 1 : 0;
        _isBatch = !isHurried && RawSyscall.Invoke(SyscallNumber.SchedGetScheduler) == SchedOther && Schedule(SchedBatch);
    }

    /// <summary>Ends that.</summary>
    public void Detach()
    {
        t_current = null;
        if (_isBatch)
        {
            _isBatch = !Schedule(SchedOther);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Detach();

    private static bool Schedule(nint policy)
    {
        int priority = 0;
        return RawSyscall.Invoke(SyscallNumber.SchedSetScheduler, 0, policy, (nint)(&priority)) == 0;
    }

    private static void Pause(LiveReader* reader)
    {
        if (t_current is not { } pacing)
        {
            return;
        }

        if (pacing.IsAborted)
        {
            reader->IsAborted = 1;
        }
        else if (!pacing.IsHurried)
        {
            Thread.Sleep(s_sleep);
        }
    }

    private bool IsHurried => isHurried;
}
