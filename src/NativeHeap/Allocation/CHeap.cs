// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the process's C heap, called directly.
// Who calls it: TrackedMemory and TrackedMarshal while recording; the bodies of the runtime hook.
// The one idea: the same malloc the runtime's own library would reach, without passing the exports the hook patches, so
// a block is an ordinary C-heap block for everybody and is recorded once.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>malloc and its family. Same contracts as in C: null on failure, no exception. Thread-safe.</summary>
internal static unsafe class CHeap
{
    /// <summary>
    /// Up to this many bytes a call is made without a GC transition: it is served from the heap's own lists in tens of
    /// nanoseconds. Above, the C heap may map or unmap memory, which must not delay a garbage collection.
    /// </summary>
    public const nuint QuickByteCount = 32 * 1024;

    // Safety: all pointers come from the dynamic linker and have the C prototypes written here. The quick forms call
    // functions that never call back into managed code; waiting for an arena lock is bounded by another thread's
    // malloc.
    private static delegate* unmanaged[SuppressGCTransition]<nuint, void*> s_quickMalloc;
    private static delegate* unmanaged[SuppressGCTransition]<nuint, nuint, void*> s_quickCalloc;
    private static delegate* unmanaged[SuppressGCTransition]<nuint, nuint, void*> s_quickAlignedAlloc;
    private static delegate* unmanaged[SuppressGCTransition]<void*, void> s_quickFree;
    private static delegate* unmanaged<nuint, void*> s_malloc;
    private static delegate* unmanaged<nuint, nuint, void*> s_calloc;
    private static delegate* unmanaged<nuint, nuint, void*> s_alignedAlloc;
    private static delegate* unmanaged<void*, void> s_free;
    private static delegate* unmanaged<void*, nuint, void*> s_realloc;
    private static delegate* unmanaged[SuppressGCTransition]<void*, nuint> s_usableSize;

    /// <summary>Whether <see cref="Initialize"/> ran.</summary>
    public static bool IsInitialized => s_usableSize != null;

    /// <summary>
    /// Addresses of malloc, calloc, realloc, free, aligned_alloc and malloc_usable_size, for machine code.
    /// </summary>
    public static nint MallocAddress => (nint)s_malloc;

    /// <inheritdoc cref="MallocAddress"/>
    public static nint CallocAddress => (nint)s_calloc;

    /// <inheritdoc cref="MallocAddress"/>
    public static nint ReallocAddress => (nint)s_realloc;

    /// <inheritdoc cref="MallocAddress"/>
    public static nint FreeAddress => (nint)s_free;

    /// <inheritdoc cref="MallocAddress"/>
    public static nint AlignedAllocAddress => (nint)s_alignedAlloc;

    /// <summary>Resolves the functions. Idempotent, cold.</summary>
    /// <exception cref="DllNotFoundException">No C library of that name.</exception>
    /// <exception cref="EntryPointNotFoundException">A function is missing.</exception>
    public static void Initialize()
    {
        if (IsInitialized)
        {
            return;
        }

        nint libc = NativeLibrary.Load("libc.so.6");
        nint process = NativeLibrary.GetMainProgramHandle();
        s_malloc = (delegate* unmanaged<nuint, void*>)Resolve(process, libc, "malloc");
        s_calloc = (delegate* unmanaged<nuint, nuint, void*>)Resolve(process, libc, "calloc");
        s_realloc = (delegate* unmanaged<void*, nuint, void*>)Resolve(process, libc, "realloc");
        s_free = (delegate* unmanaged<void*, void>)Resolve(process, libc, "free");
        s_alignedAlloc = (delegate* unmanaged<nuint, nuint, void*>)Resolve(process, libc, "aligned_alloc");
        s_quickMalloc = (delegate* unmanaged[SuppressGCTransition]<nuint, void*>)s_malloc;
        s_quickCalloc = (delegate* unmanaged[SuppressGCTransition]<nuint, nuint, void*>)s_calloc;
        s_quickFree = (delegate* unmanaged[SuppressGCTransition]<void*, void>)s_free;
        s_quickAlignedAlloc = (delegate* unmanaged[SuppressGCTransition]<nuint, nuint, void*>)s_alignedAlloc;
        s_usableSize = (delegate* unmanaged[SuppressGCTransition]<void*, nuint>)
            Resolve(process, libc, "malloc_usable_size");
    }

    /// <summary>malloc: at least <paramref name="byteCount"/> bytes, or null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* Malloc(nuint byteCount)
        => byteCount <= QuickByteCount ? s_quickMalloc(byteCount) : MallocLarge(byteCount);

    /// <summary>calloc: zeroed; null also when the product overflows.</summary>
    public static void* Calloc(nuint elementCount, nuint elementByteCount)
        => Math.BigMul(elementCount, elementByteCount, out ulong low) == 0 && low <= QuickByteCount
            ? s_quickCalloc(elementCount, elementByteCount)
            : s_calloc(elementCount, elementByteCount);

    /// <summary>realloc: null on failure, and then the old block is untouched.</summary>
    public static void* Realloc(void* block, nuint byteCount) => s_realloc(block, byteCount);

    /// <summary>
    /// aligned_alloc: <paramref name="byteCount"/> must be a multiple of the power of two <paramref name="alignment"/>.
    /// </summary>
    public static void* AlignedAlloc(nuint alignment, nuint byteCount)
        => byteCount <= QuickByteCount && alignment <= QuickByteCount
            ? s_quickAlignedAlloc(alignment, byteCount)
            : s_alignedAlloc(alignment, byteCount);

    /// <summary>free of a block of unknown size.</summary>
    // Not inlined: a call with a GC transition sets up a frame at the start of the method it is in, taken or not.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Free(void* block) => s_free(block);

    /// <summary>free of a block known to have <paramref name="byteCount"/> bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Free(void* block, nuint byteCount)
    {
        if (byteCount <= QuickByteCount)
        {
            s_quickFree(block);
        }
        else
        {
            Free(block);
        }
    }

    /// <summary>malloc_usable_size: 0 for null.</summary>
    public static nuint UsableSize(void* block) => s_usableSize(block);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* MallocLarge(nuint byteCount) => s_malloc(byteCount);

    // The process's own scope first: where a preloaded library replaces malloc, the runtime's blocks come from there,
    // and a block of glibc's passed to that library's free would end the process.
    private static nint Resolve(nint process, nint libc, string name)
        => NativeLibrary.TryGetExport(process, name, out nint address) ? address : NativeLibrary.GetExport(libc, name);
}
