// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: NativeMemory under another name, recorded.
// Who calls it: code that cannot be hooked, or wants its allocations tracked whatever the host does.
// The one idea: off, each member is the original (the branch is folded away); recording, the C heap does the same work.
// Safety: pointers are passed to the C heap under the contract of the original member; nothing is dereferenced before
// its checks.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

// Parameters are named as in the originals, so that named arguments keep compiling.
#pragma warning disable CA1720

namespace NativeLeak;

/// <summary>
/// Native memory as in <see cref="NativeMemory"/>: same names, parameters, zero and null rules and exceptions, but
/// every block is known to the leak detector.
/// </summary>
/// <remarks>
/// <para>Blocks are ordinary blocks of the C heap with nothing in front: memory from here may be freed by
/// <see cref="NativeMemory.Free"/> or native <c>free</c>, and memory from there may be freed here.</para>
/// <para>Thread safety: every member may be called on any thread at any time; one block's contents are the caller's
/// business.</para>
/// <para>Cost: with the environment variable <c>NATIVELEAK</c> unset, off, 0 or false every member is a direct call of
/// the original. While recording, an allocation costs a walk over the call stack (about a nanosecond per frame) and a
/// few interlocked operations more; the first allocation of each distinct call stack costs tens of microseconds, since
/// its names are taken then.</para>
/// <para>The idea of tracked drop-in replacements is that of the debug heaps of C; the discipline is kmemleak's:
/// recorded after the allocation, forgotten before the free.</para>
/// </remarks>
public static unsafe class TrackedMemory
{
    /// <summary>Allocates a block of memory of the specified size, in bytes.</summary>
    /// <param name="byteCount">Bytes to allocate; 0 gives a valid pointer that must not be dereferenced but must be
    /// freed.</param>
    /// <returns>The block; its contents are undefined. Free it with <see cref="Free"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating <paramref name="byteCount"/> bytes failed.</exception>
    public static void* Alloc(nuint byteCount)
        => TrackingSwitch.IsRecording
            ? RecordedMemory.Alloc(byteCount, AllocationApi.NativeMemoryAlloc)
            : NativeMemory.Alloc(byteCount);

    /// <summary>Allocates a block of memory of the specified size, in elements.</summary>
    /// <param name="elementCount">Elements to allocate; 0 is allowed.</param>
    /// <param name="elementSize">Bytes of one element; 0 is allowed.</param>
    /// <returns>The block; its contents are undefined. Free it with <see cref="Free"/>.</returns>
    /// <exception cref="OutOfMemoryException">The product overflows, or allocating so many bytes failed.</exception>
    public static void* Alloc(nuint elementCount, nuint elementSize)
        => TrackingSwitch.IsRecording
            ? RecordedMemory.Alloc(elementCount, elementSize)
            : NativeMemory.Alloc(elementCount, elementSize);

    /// <summary>Allocates and zeroes a block of memory of the specified size, in bytes.</summary>
    /// <param name="byteCount">Bytes to allocate; 0 gives a valid pointer that must not be dereferenced but must be
    /// freed.</param>
    /// <returns>The block, zeroed. Free it with <see cref="Free"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating <paramref name="byteCount"/> bytes failed.</exception>
    public static void* AllocZeroed(nuint byteCount)
        => TrackingSwitch.IsRecording
            ? RecordedMemory.AllocZeroed(byteCount, 1)
            : NativeMemory.AllocZeroed(byteCount);

    /// <summary>Allocates and zeroes a block of memory of the specified size, in elements.</summary>
    /// <param name="elementCount">Elements to allocate; 0 is allowed.</param>
    /// <param name="elementSize">Bytes of one element; 0 is allowed.</param>
    /// <returns>The block, zeroed. Free it with <see cref="Free"/>.</returns>
    /// <exception cref="OutOfMemoryException">The product overflows, or allocating so many bytes failed.</exception>
    public static void* AllocZeroed(nuint elementCount, nuint elementSize)
        => TrackingSwitch.IsRecording
            ? RecordedMemory.AllocZeroed(elementCount, elementSize)
            : NativeMemory.AllocZeroed(elementCount, elementSize);

    /// <summary>Changes the size of a block; it may move. Contents are kept up to the smaller size.</summary>
    /// <param name="ptr">The block, from <see cref="Alloc(nuint)"/> or a sibling; <see langword="null"/> acts as <see
    /// cref="Alloc(nuint)"/>.</param>
    /// <param name="byteCount">The new size in bytes; 0 gives a valid pointer that must not be dereferenced but must be
    /// freed.</param>
    /// <returns>The block at its new place. Its allocation site is this call.</returns>
    /// <exception cref="OutOfMemoryException">Reallocating failed; the old block, and what is known of it, is
    /// unchanged.</exception>
    public static void* Realloc(void* ptr, nuint byteCount)
        => TrackingSwitch.IsRecording
            ? RecordedMemory.Realloc(ptr, byteCount, AllocationApi.NativeMemoryRealloc)
            : NativeMemory.Realloc(ptr, byteCount);

    /// <summary>
    /// Frees a block of <see cref="Alloc(nuint)"/>, <see cref="AllocZeroed(nuint)"/> or <see cref="Realloc"/>.
    /// </summary>
    /// <param name="ptr">The block; <see langword="null"/> does nothing. A block of another allocator of the C heap is
    /// fine.</param>
    public static void Free(void* ptr)
    {
        if (TrackingSwitch.IsRecording)
        {
            RecordedMemory.Free(ptr, FreeingApi.NativeMemoryFree);
        }
        else
        {
            NativeMemory.Free(ptr);
        }
    }

    /// <summary>Allocates an aligned block of memory of the specified size and alignment, in bytes.</summary>
    /// <param name="byteCount">Bytes to allocate; 0 gives a valid pointer that must not be dereferenced but must be
    /// freed.</param>
    /// <param name="alignment">Alignment in bytes; a power of two.</param>
    /// <returns>The block; its contents are undefined. Free it with <see cref="AlignedFree"/>.</returns>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is not a power of two.</exception>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    public static void* AlignedAlloc(nuint byteCount, nuint alignment)
        => TrackingSwitch.IsRecording
            ? RecordedMemory.AlignedAlloc(byteCount, alignment)
            : NativeMemory.AlignedAlloc(byteCount, alignment);

    /// <summary>
    /// Changes the size and alignment of an aligned block; it moves. Contents are kept up to the smaller size.
    /// </summary>
    /// <param name="ptr">The block, from <see cref="AlignedAlloc"/>; <see langword="null"/> acts as <see
    /// cref="AlignedAlloc"/>.</param>
    /// <param name="byteCount">The new size in bytes; 0 gives a valid pointer that must not be dereferenced but must be
    /// freed.</param>
    /// <param name="alignment">Alignment in bytes; a power of two.</param>
    /// <returns>The new block. Its allocation site is this call.</returns>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is not a power of two.</exception>
    /// <exception cref="OutOfMemoryException">Allocating failed; the old block is unchanged.</exception>
    public static void* AlignedRealloc(void* ptr, nuint byteCount, nuint alignment)
        => TrackingSwitch.IsRecording
            ? RecordedMemory.AlignedRealloc(ptr, byteCount, alignment)
            : NativeMemory.AlignedRealloc(ptr, byteCount, alignment);

    /// <summary>Frees a block of <see cref="AlignedAlloc"/> or <see cref="AlignedRealloc"/>.</summary>
    /// <param name="ptr">The block; <see langword="null"/> does nothing.</param>
    public static void AlignedFree(void* ptr)
    {
        if (TrackingSwitch.IsRecording)
        {
            RecordedMemory.Free(ptr, FreeingApi.NativeMemoryAlignedFree);
        }
        else
        {
            NativeMemory.AlignedFree(ptr);
        }
    }

    /// <summary>Clears a block of memory: <see cref="NativeMemory.Clear"/>, here so that one name serves all.</summary>
    /// <param name="ptr">The memory; <see langword="null"/> is allowed when <paramref name="byteCount"/> is 0.</param>
    /// <param name="byteCount">Bytes to clear; 0 does nothing.</param>
    public static void Clear(void* ptr, nuint byteCount) => NativeMemory.Clear(ptr, byteCount);

    /// <summary>Copies a block of memory: <see cref="NativeMemory.Copy"/>, here so that one name serves all.</summary>
    /// <param name="source">The memory to read; <see langword="null"/> is allowed when <paramref name="byteCount"/> is
    /// 0.</param>
    /// <param name="destination">The memory to write; may overlap <paramref name="source"/>.</param>
    /// <param name="byteCount">Bytes to copy; 0 does nothing.</param>
    public static void Copy(void* source, void* destination, nuint byteCount)
        => NativeMemory.Copy(source, destination, byteCount);

    /// <summary>
    /// Fills a block of memory with a byte: <see cref="NativeMemory.Fill"/>, here so that one name serves all.
    /// </summary>
    /// <param name="ptr">The memory; <see langword="null"/> is allowed when <paramref name="byteCount"/> is 0.</param>
    /// <param name="byteCount">Bytes to fill; 0 does nothing.</param>
    /// <param name="value">The byte.</param>
    public static void Fill(void* ptr, nuint byteCount, byte value) => NativeMemory.Fill(ptr, byteCount, value);
}
