// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>Second tries of allocations that failed: the quarantine gives back what it holds, once.</summary>
// Safety: as the functions of the C heap; null when they fail again, or when nothing was held.
internal static unsafe class HeapRetries
{
    /// <summary>malloc once more.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Malloc(nuint byteCount) => Quarantine.Flush() ? CHeap.Malloc(byteCount) : null;

    /// <summary>calloc once more.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Calloc(nuint count, nuint elementByteCount)
        => Quarantine.Flush() ? CHeap.Calloc(count, elementByteCount) : null;

    /// <summary>aligned_alloc once more.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* AlignedAlloc(nuint alignment, nuint byteCount)
        => Quarantine.Flush() ? CHeap.AlignedAlloc(alignment, byteCount) : null;
}
