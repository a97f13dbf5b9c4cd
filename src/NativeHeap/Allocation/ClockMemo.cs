// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>A reading of the kernel's coarse clock and the tick it means: the clock changes every few milliseconds only.</summary>
internal struct ClockMemo
{
    /// <summary>The reading.</summary>
    public TimeSpec Now;

    /// <summary>The tick (<see cref="CoarseClock"/>).</summary>
    public uint Tick;

    /// <summary>Whether the clock still stands there.</summary>
    // Safety: the caller's memo and reading.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe bool Holds(ClockMemo* memo, TimeSpec* now)
        => now->Nanoseconds == memo->Now.Nanoseconds && now->Seconds == memo->Now.Seconds;
}
