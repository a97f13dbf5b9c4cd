// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the kernel writes one timespec, into a local of that size.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <summary>CLOCK_MONOTONIC without the runtime: Stopwatch polls for a GC, which the parked world must not.</summary>
[ChildCode]
internal static unsafe class MonotonicClock
{
    /// <summary>Nanoseconds since some fixed point.</summary>
    [MethodImpl(ChildCode.Options)]
    public static long Nanoseconds()
    {
        TimeSpecification now;
        RawSyscall.Invoke(SyscallNumber.ClockGettime, 1, (nint)(&now));
        return (now.Seconds * 1_000_000_000) + now.Nanoseconds;
    }
}
