// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Allocation;

/// <summary>A reading of the kernel's coarse clock and the tick it means: the clock changes every few milliseconds only.</summary>
internal struct ClockMemo
{
    /// <summary>Whole seconds.</summary>
    public long Seconds;

    /// <summary>Nanoseconds of the current one.</summary>
    public long Nanoseconds;

    /// <summary>The tick (<see cref="CoarseClock"/>).</summary>
    public uint Tick;
}
