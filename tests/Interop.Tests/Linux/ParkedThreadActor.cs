// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>A thread in a known posture, for snapshots to find.</summary>
internal sealed unsafe class ParkedThreadActor : IDisposable
{
    private const nint SignalBlock = 0, SignalUnblock = 1;

    private readonly Thread _thread;
    private readonly ManualResetEvent _leave = new(false);
    private readonly int* _stop = (int*)NativeMemory.AllocZeroed(64);
    private volatile bool _ready;

    private ParkedThreadActor(Action<ParkedThreadActor> body)
    {
        RawSyscall.Initialize();
        _thread = new Thread(() =>
        {
            ThreadId = (int)RawSyscall.Invoke(SyscallNumber.Gettid);
            body(this);
        })
        {
            IsBackground = true,
        };
        _thread.Start();
        SpinWait.SpinUntil(() => _ready);
    }

    public int ThreadId { get; private set; }

    /// <summary>An address in a frame that is live while the actor waits.</summary>
    public nuint LiveAddress { get; private set; }

    /// <summary>An address in a frame that was left before the actor began to wait.</summary>
    public nuint DeadAddress { get; private set; }

    /// <summary>How many asks to park had piled up; known after <see cref="Dispose"/>.</summary>
    public int SignalsQueued { get; private set; }

    public static ParkedThreadActor Sleeping() => new(static self => self.Sleep());

    /// <summary>Spins in machine code with values that exist in registers only.</summary>
    public static ParkedThreadActor Spinning(ulong vectorValue, ulong generalValue) => new(self =>
    {
        self._ready = true;
        TestStubs.Spin(self._stop, vectorValue, generalValue);
    });

    /// <summary>Was deep in its stack once and waits near the top.</summary>
    public static ParkedThreadActor Returned() => new(static self =>
    {
        int local = 0;
        self.LiveAddress = (nuint)(&local);
        self.DeadAddress = Deep(200);
        self._ready = true;
        TestStubs.Spin(self._stop, 0, 0);
    });

    /// <summary>Blocks the parking signal and sleeps until it is woken: nobody can, while everybody is parked.</summary>
    public static ParkedThreadActor BlockingAsleep() => new(static self =>
    {
        SetBlocked(blocked: true);
        self.Sleep();
        SetBlocked(blocked: false);
    });

    /// <summary>Blocks the parking signal and runs; at its end it counts the signals that waited for it.</summary>
    public static ParkedThreadActor BlockingBusy() => new(static self =>
    {
        SetBlocked(blocked: true);
        self._ready = true;
        TestStubs.Spin(self._stop, 0, 0);
        self.SignalsQueued = TakeQueued();
        SetBlocked(blocked: false);
    });

    /// <summary>Blocks the parking signal until it is told to go on, then waits as an ordinary thread.</summary>
    public static ParkedThreadActor BlockingThenSleeping(ManualResetEvent goOn, ManualResetEvent went) => new(self =>
    {
        SetBlocked(blocked: true);
        self._ready = true;
        goOn.WaitOne();
        SetBlocked(blocked: false);
        went.Set();
        self._leave.WaitOne();
    });

    /// <summary>Blocks the parking signal and ends as soon as it is asked to park.</summary>
    public static ParkedThreadActor EndingWhenAsked() => new(static self =>
    {
        SetBlocked(blocked: true);
        self._ready = true;
        byte* work = (byte*)NativeMemory.Alloc(ThreadStatusReader.WorkByteCount);
        while (Volatile.Read(ref *self._stop) == 0
            && (ThreadStatusReader.Look(work, self.ThreadId, ParkingSignal.RuntimeSignal) & ThreadCondition.Pending) == 0)
        {
        }

        NativeMemory.Free(work);
    });

    /// <summary>Sleeps in the kernel until a signal wakes it, as parking does when it is over, and then ends.</summary>
    public static ParkedThreadActor EndingWhenLeft() => new(static self =>
    {
        TimeSpecification week = new() { Seconds = 600_000 };
        self._ready = true;
        BlockingSyscall.InvokeOnce(SyscallNumber.Futex, (nint)self._stop, 0, 0, (nint)(&week)); // with a limit: not taken up again
    });

    public void Dispose()
    {
        Volatile.Write(ref *_stop, 1);
        _leave.Set();
        _thread.Join();
        _leave.Dispose();
        NativeMemory.Free(_stop);
    }

    private static void SetBlocked(bool blocked)
    {
        ulong mask = 1UL << (ParkingSignal.RuntimeSignal - 1);
        RawSyscall.Invoke(SyscallNumber.RtSigprocmask, blocked ? SignalBlock : SignalUnblock, (nint)(&mask), 0, 8);
    }

    private static int TakeQueued()
    {
        const nint RtSigtimedwait = 128;
        ulong mask = 1UL << (ParkingSignal.RuntimeSignal - 1);
        TimeSpecification none = default;
        int count = 0;
        while (RawSyscall.Invoke(RtSigtimedwait, (nint)(&mask), 0, (nint)(&none), 8) == ParkingSignal.RuntimeSignal)
        {
            count++;
        }

        return count;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nuint Deep(int frames)
    {
        int local = frames;
        nuint address = frames == 0 ? (nuint)(&local) : Deep(frames - 1);
        return local == frames ? address : 0;
    }

    private void Sleep()
    {
        _ready = true;
        _leave.WaitOne();
    }
}
