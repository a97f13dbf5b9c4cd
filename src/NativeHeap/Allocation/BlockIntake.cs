// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Which new blocks become records. Frees are processed whatever this says.</summary>
internal enum BlockIntake
{
    /// <summary>None: before the start, after a stop, and for good once metadata could not be had.</summary>
    None,

    /// <summary>Every block.</summary>
    Every,

    /// <summary>Those that <see cref="AllocationSampler"/> takes.</summary>
    Sampled,
}
