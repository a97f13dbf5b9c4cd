// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Allocation;

/// <summary>C's timespec.</summary>
internal struct TimeSpec
{
    /// <summary>Whole seconds.</summary>
    public long Seconds;

    /// <summary>Nanoseconds of the current one.</summary>
    public long Nanoseconds;
}
