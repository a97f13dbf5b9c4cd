// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: NativeMemory's members, served by the C heap directly and recorded.
// Who calls it: TrackedMemory and TrackedMarshal while recording.
// The one idea: the same arithmetic and the same failures as the originals (proven by a differential test), but past
// the exports that the runtime hook patches, so that no block is recorded twice.
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Recorded counterparts of NativeMemory. Pre: <see cref="AllocationRecorder.IsRecording"/>.</summary>
/// <remarks>
/// No method here is inlined: <see cref="StackWalker.Caller"/> must find the frame of the method that calls it. A size
/// of 0 is asked of the C heap as 1 byte, as the originals do, and recorded as that.
/// </remarks>
internal static unsafe class RecordedMemory
{
    private const int HeapHeaderByteCount = 16;

    /// <summary>NativeMemory.Alloc(byteCount).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Alloc(nuint byteCount, AllocationApi api)
    {
        AllocationCall call = StackWalker.Caller();
        return Alloc(byteCount, api, BlockFlags.None, in call);
    }

    /// <summary>malloc, recorded for a caller whose frame is already known.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* Alloc(nuint byteCount, AllocationApi api, BlockFlags flags, in AllocationCall call)
    {
        nuint asked = byteCount != 0 ? byteCount : 1;
        void* block = CHeap.Malloc(asked);
        if (block == null)
        {
            ThrowOutOfMemory();
        }

        AllocationRecorder.OnAllocated((nuint)block, asked, api, flags, in call);
        return block;
    }

    /// <summary>NativeMemory.Alloc(elementCount, elementSize).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Alloc(nuint elementCount, nuint elementSize)
    {
        AllocationCall call = StackWalker.Caller();
        // An overflow asks for more than any heap has, and fails as the original does.
        nuint byteCount = Math.BigMul(elementCount, elementSize, out ulong low) == 0 ? (nuint)low : nuint.MaxValue;
        return Alloc(byteCount, AllocationApi.NativeMemoryAlloc, BlockFlags.None, in call);
    }

    /// <summary>NativeMemory.AllocZeroed.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* AllocZeroed(nuint elementCount, nuint elementSize)
    {
        AllocationCall call = StackWalker.Caller();
        bool isEmpty = elementCount == 0 || elementSize == 0;
        void* block = isEmpty ? CHeap.Malloc(1) : CHeap.Calloc(elementCount, elementSize);
        if (block == null)
        {
            ThrowOutOfMemory();
        }

        // The product cannot overflow: calloc would have failed.
        AllocationRecorder.OnAllocated((nuint)block, isEmpty ? 1 : elementCount * elementSize,
            AllocationApi.NativeMemoryAllocZeroed, BlockFlags.None, in call);
        return block;
    }

    /// <summary>NativeMemory.Realloc.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Realloc(void* ptr, nuint byteCount, AllocationApi api)
    {
        AllocationCall call = StackWalker.Caller();
        nuint asked = byteCount != 0 ? byteCount : 1;
        ReallocTicket ticket = AllocationRecorder.OnReallocating((nuint)ptr);
        void* block = CHeap.Realloc(ptr, asked);
        AllocationRecorder.OnReallocated(in ticket, (nuint)block, asked, api, BlockFlags.None, in call);
        if (block == null)
        {
            ThrowOutOfMemory();
        }

        return block;
    }

    /// <summary>NativeMemory.Free.</summary>
    public static void Free(void* ptr)
    {
        if (ptr != null)
        {
            // The C heap's header of the block, fetched while the interlocked operations below hold up everything else.
            Sse.Prefetch0((byte*)ptr - HeapHeaderByteCount);
            AllocationRecorder.OnFreeing((nuint)ptr, out nuint byteCount);
            CHeap.Free(ptr, byteCount);
        }
    }

    /// <summary>NativeMemory.AlignedAlloc.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* AlignedAlloc(nuint byteCount, nuint alignment)
    {
        AllocationCall call = StackWalker.Caller();
        if (!BitOperations.IsPow2(alignment))
        {
            // Only to throw the original's exception, message included.
            return NativeMemory.AlignedAlloc(byteCount, alignment);
        }

        void* block = AllocateAligned(byteCount, alignment, out nuint asked);
        if (block == null)
        {
            ThrowOutOfMemory();
        }

        AllocationRecorder.OnAllocated((nuint)block, asked, AllocationApi.NativeMemoryAlignedAlloc, BlockFlags.Aligned,
            in call);
        return block;
    }

    /// <summary>NativeMemory.AlignedRealloc: a new block, the smaller size copied, the old block freed.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* AlignedRealloc(void* ptr, nuint byteCount, nuint alignment)
    {
        AllocationCall call = StackWalker.Caller();
        if (!BitOperations.IsPow2(alignment))
        {
            return NativeMemory.AlignedRealloc(ptr, byteCount, alignment);
        }

        void* block = AllocateAligned(byteCount, alignment, out nuint asked);
        if (block == null)
        {
            // The old block is untouched, and so is its record.
            ThrowOutOfMemory();
        }

        // Safety: both blocks have at least the bytes copied: the C heap says so of the old one.
        NativeMemory.Copy(ptr, block, Math.Min(asked, CHeap.UsableSize(ptr)));
        AllocationRecorder.OnAllocated((nuint)block, asked, AllocationApi.NativeMemoryAlignedRealloc, BlockFlags.Aligned,
            in call);
        Free(ptr);
        return block;
    }

    // The exception is part of the contract: the originals throw it.
#pragma warning disable CA2201
    [DoesNotReturn]
    private static void ThrowOutOfMemory() => throw new OutOfMemoryException();
#pragma warning restore CA2201

    // C wants a multiple of the alignment, POSIX an alignment of at least a pointer. A sum that wraps is smaller than
    // what was asked for, and fails.
    private static void* AllocateAligned(nuint byteCount, nuint alignment, out nuint asked)
    {
        alignment = Math.Max(alignment, (nuint)sizeof(void*));
        asked = byteCount != 0 ? unchecked(byteCount + (alignment - 1)) & ~(alignment - 1) : alignment;
        return asked < byteCount ? null : CHeap.AlignedAlloc(alignment, asked);
    }
}
