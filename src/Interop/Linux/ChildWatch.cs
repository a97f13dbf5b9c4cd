// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: waits for the child, kills it when it falls silent, reaps it.
// Who calls it: SnapshotEngine, after the threads were released.
// The one idea: silence is counted in slices this thread really waited, not by the clock on the wall, so that a stopped
// (SIGSTOP) or suspended process does not take its own sleep for the child's.
// Safety: the progress word lies in shared pages that stay mapped as long as the process; the poll and wait
// structures are locals.

namespace NativeLeak.Interop.Linux;

/// <summary>How a child ended.</summary>
internal enum ChildEnding
{
    /// <summary>It exited with <see cref="SnapshotChild.Success"/>.</summary>
    Finished,

    /// <summary>It died of a signal or exited otherwise.</summary>
    Died,

    /// <summary>It was silent for too long and was killed.</summary>
    Silenced,

    /// <summary>Somebody else reaped it: how it ended is not known.</summary>
    Stolen,

    /// <summary>It was killed but has not ended (uninterruptible in the kernel). The zombie will be init's.</summary>
    Unreaped,
}

/// <summary>Watches one child. Ordinary managed code; waits in preemptive mode.</summary>
internal static unsafe class ChildWatch
{
    private const nint WaitNoHang = 1, WaitAll = 0x4000_0000, SigKill = 9;
    private static readonly TimeSpan s_reapLimit = TimeSpan.FromSeconds(10);

    /// <summary>Waits until the child has ended, or ends it.</summary>
    /// <param name="processId">The child.</param>
    /// <param name="pidDescriptor">Its pidfd, or −1 when the kernel gave none.</param>
    /// <param name="progress">The counter whose standstill is silence.</param>
    /// <param name="silenceLimit">Silence that is tolerated.</param>
    /// <param name="waitStatus">The status word of wait4; 0 unless reaped.</param>
    public static ChildEnding Await(int processId, int pidDescriptor, long* progress, TimeSpan silenceLimit,
        out int waitStatus)
    {
        long limit = Math.Max(silenceLimit.Ticks, TimeSpan.TicksPerMillisecond) * 100;
        int sliceMilliseconds = (int)Math.Clamp(limit / 8 / 1_000_000, 1, 200);
        // Order: none needed, only that the child's writes are seen some time; a volatile read keeps the loop honest.
        long silent = 0, seen = Volatile.Read(ref *progress), before = MonotonicClock.Nanoseconds();
        while (true)
        {
            if (TryReap(processId, pidDescriptor, sliceMilliseconds, out waitStatus, out ChildEnding ending))
            {
                return ending;
            }

            long now = MonotonicClock.Nanoseconds(), current = Volatile.Read(ref *progress);
            silent = current == seen ? silent + Math.Min(now - before, sliceMilliseconds * 2_000_000L) : 0;
            seen = current;
            before = now;
            if (silent >= limit)
            {
                ending = Kill(processId, pidDescriptor, out waitStatus);
                return ending is ChildEnding.Finished or ChildEnding.Died ? ChildEnding.Silenced : ending;
            }
        }
    }

    /// <summary>Kills the child and reaps it.</summary>
    public static ChildEnding Kill(int processId, int pidDescriptor, out int waitStatus)
    {
        // By descriptor where there is one; by number it is safe as well, because nobody has reaped the child yet.
        if (pidDescriptor < 0 || RawSyscall.Invoke(SyscallNumber.PidfdSendSignal, pidDescriptor, SigKill) < 0)
        {
            RawSyscall.Invoke(SyscallNumber.Kill, processId, SigKill);
        }

        long end = MonotonicClock.Nanoseconds() + (s_reapLimit.Ticks * 100);
        do
        {
            if (TryReap(processId, pidDescriptor, 50, out waitStatus, out ChildEnding ending))
            {
                return ending;
            }
        }
        while (MonotonicClock.Nanoseconds() < end);
        return ChildEnding.Unreaped;
    }

    private static bool TryReap(int processId, int pidDescriptor, int sliceMilliseconds, out int waitStatus,
        out ChildEnding ending)
    {
        if (pidDescriptor >= 0)
        {
            PollDescriptor poll = new() { Descriptor = pidDescriptor, Events = PollDescriptor.POLLIN };
            BlockingSyscall.InvokeOnce(SyscallNumber.Poll, (nint)(&poll), 1, sliceMilliseconds);
        }
        else
        {
            Thread.Sleep(Math.Min(sliceMilliseconds, 5));
        }

        int status = 0;
        nint result = BlockingSyscall.Invoke(SyscallNumber.Wait4, processId, (nint)(&status), WaitNoHang | WaitAll);
        waitStatus = status;
        ending = result < 0 ? ChildEnding.Stolen
            : status == SnapshotChild.Success << 8 ? ChildEnding.Finished : ChildEnding.Died;
        return result != 0;
    }
}
