// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Allocation;

/// <summary>A reading of the kernel's coarse clock and the tick it means: the clock changes every few milliseconds only.</summary>
internal struct ClockMemo
{
    /// <summary>The reading.</summary>
    public TimeSpec Now;

    /// <summary>The tick (<see cref="CoarseClock"/>), as a record keeps it.</summary>
    public uint Tick;
}
