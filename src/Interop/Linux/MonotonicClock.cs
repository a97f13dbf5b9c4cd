// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the kernel writes one timespec, into a local of that size.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <summary>CLOCK_MONOTONIC and a thread's own time without the runtime: Stopwatch polls for a GC, which the parked world must not.</summary>
[ChildCode]
internal static unsafe class MonotonicClock
{
    private const nint Monotonic = 1, ThreadProcessorTime = 3;

    /// <summary>Nanoseconds since some fixed point.</summary>
    [MethodImpl(ChildCode.Options)]
    public static long Nanoseconds() => Read(Monotonic);

    /// <summary>Nanoseconds of a processor that the calling thread has used.</summary>
    [MethodImpl(ChildCode.Options)]
    public static long ThreadNanoseconds() => Read(ThreadProcessorTime);

    [MethodImpl(ChildCode.Options)]
    private static long Read(nint clock)
    {
        TimeSpecification now;
        RawSyscall.Invoke(SyscallNumber.ClockGettime, clock, (nint)(&now));
        return (now.Seconds * 1_000_000_000) + now.Nanoseconds;
    }
}
