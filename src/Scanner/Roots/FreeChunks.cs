// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: tells free chunks of the C heap from used ones, so that stale pointers in freed memory keep nothing alive,
// and blocks that native code freed behind our back are not called leaks.
// Who calls it: RootScan for each mapping that may be a heap of glibc's; Classifier for unreached blocks.
// The one idea: nothing of glibc's private layout is assumed but the chunk header; a walk through a mapping is believed
// only when it lands exactly on the heap's end. Anything else leaves all of the memory a root, which is always safe.
// Safety: headers are read inside the heap only: a walk goes on while the next chunk still lies in it.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;

namespace NativeLeak.Roots;

/// <summary>Chunks of glibc's malloc in the frozen process.</summary>
/// <remarks>
/// A chunk (see "malloc internals" on the glibc wiki):
/// <code>
///   chunk + 0   size of the previous chunk (only while that one is free)
///   chunk + 8   size of this chunk | flags: 1 previous is in use, 2 own mapping, 4 other arena
///   chunk + 16  what malloc returned; in a thread cache's free chunk: +16 link, +24 key
/// </code>
/// </remarks>
[ChildCode]
internal static unsafe class FreeChunks
{
    private const nuint HeaderByteCount = 16, MinimumChunkByteCount = 32;
    private const nuint PreviousInUse = 1, OwnMapping = 2, FlagMask = 7;

    // A heap begins with the allocator's own state (nothing but pointers to chunks) and then its first chunk.
    private const nuint MaximumStateByteCount = 4096;

    /// <summary>Scans memory chunk by chunk when it proves to be a heap of glibc's; false when it does not, and nothing was read.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool TryScanHeap(ChildState* state, HeapPlace heap)
    {
        nuint first = FindFirstChunk(state, heap);
        if (first == 0)
        {
            return false;
        }

        if (heap.IsMain)
        {
            RootScan.ScanBetweenBlocks(state, heap.Start, first);
        }

        nuint end = heap.End;
        for (nuint chunk = first; chunk < end;)
        {
            nuint byteCount = Peek.Word(state, chunk + 8) & ~FlagMask;
            nuint following = chunk + byteCount;
            bool isFence = byteCount < MinimumChunkByteCount;
            if (isFence && (state->Reader == null || end - chunk <= MinimumChunkByteCount))
            {
                break; // the fence at the end of a heap that is full
            }

            if (isFence || byteCount > end - chunk)
            {
                // Somebody changed the heap since the walk landed: what is left counts whole.
                RootScan.ScanBetweenBlocks(state, chunk, end);
                break;
            }

            if (IsFree(state, chunk, following, end))
            {
                state->Context->Counters->FreeChunkBytes += (long)byteCount;
            }
            else if (!FrailRoots.IsDoubtful(state, chunk, byteCount)
                || !FrailRoots.TryAdd(state, chunk + HeaderByteCount, following))
            {
                // What malloc returned, and the 8 bytes of the next header that belong to a chunk in use.
                RootScan.ScanBetweenBlocks(state, chunk + HeaderByteCount, following + 8 < end ? following + 8 : end);
            }

            chunk = following;
        }

        state->Context->Counters->FreeChunkBytes += (long)(heap.MemoryEnd - end);
        return true;
    }

    /// <summary>Whether an address lies in a free chunk of a mapping that proves to be a heap of glibc's.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool HoldsFree(ChildState* state, Mapping* mapping, nuint address)
    {
        HeapPlace heap = HeapPlace.Around(state, mapping, address);
        nuint chunk = FindFirstChunk(state, heap);
        if (chunk != 0 && address >= heap.End)
        {
            return true; // given back
        }

        while (chunk != 0 && chunk < heap.End)
        {
            nuint byteCount = Peek.Word(state, chunk + 8) & ~FlagMask;
            if (byteCount < MinimumChunkByteCount || byteCount > heap.End - chunk)
            {
                return false;
            }

            // The first 8 bytes of the next header belong to a chunk in use.
            if (address < chunk + byteCount + 8)
            {
                return address >= chunk + HeaderByteCount && IsFree(state, chunk, chunk + byteCount, heap.End);
            }

            chunk += byteCount;
        }

        return false;
    }

    /// <summary>Whether the C heap holds this tracked block as free: native code freed it.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool IsFreed(ChildState* state, int block)
    {
        nuint start = state->Index.Start[block];
        if (PoolGaps.Contains(state, start))
        {
            return false; // what stands before a pool's block is the pool's
        }

        if (!Extents.Contains(&state->Readable, start - HeaderByteCount, HeaderByteCount + 16))
        {
            // A chunk with a mapping of its own vanishes when it is freed.
            return Extents.MappingOf(state, start) == null;
        }

        if (state->Context->FreeChunkKey == 0 || (start & 15) != 0)
        {
            return false;
        }

        nuint size = Peek.Word(state, start - 8);
        nuint byteCount = size & ~FlagMask;
        nuint following = start - HeaderByteCount + byteCount;
        if ((size & OwnMapping) != 0 || byteCount < MinimumChunkByteCount || following + 8 < state->Index.End[block]
            || !Extents.Contains(&state->Readable, following, HeaderByteCount))
        {
            return false;
        }

        return (Peek.Word(state, following + 8) & PreviousInUse) == 0 || Peek.Word(state, start + 8) == state->Context->FreeChunkKey;
    }

    /// <summary>
    /// Whether a word is the C library's own note of where the chunk after a block begins (its bins and its top chunk):
    /// such an address lies in the block's last bytes, or right behind it, but is nobody's pointer into it. The notes stand
    /// in the library's data for the first heap and at the start of every other heap.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsAllocatorPointer(ChildState* state, int block, nuint word, nuint foundAt)
        => state->Context->FreeChunkKey != 0
            && (foundAt - state->Context->AllocatorState.Start < state->Context->AllocatorState.End - state->Context->AllocatorState.Start
                || (foundAt & (HeapPlace.Alignment - 1)) < MaximumStateByteCount)
            && Extents.Contains(&state->Readable, state->Index.Start[block] - 8, 8)
            && word == state->Index.Start[block] - HeaderByteCount + (Peek.Word(state, state->Index.Start[block] - 8) & ~FlagMask);

    // The top chunk ends the heap; every other chunk's state stands in its successor's header, and a chunk in a thread's
    // cache, which stays "used" there, carries the key.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsFree(ChildState* state, nuint chunk, nuint following, nuint end)
        => following == end || (Peek.Word(state, following + 8) & PreviousInUse) == 0
            || Peek.Word(state, chunk + HeaderByteCount + 8) == state->Context->FreeChunkKey;

    // Zero when the memory does not prove to be a heap.
    [MethodImpl(ChildCode.Options)]
    private static nuint FindFirstChunk(ChildState* state, HeapPlace heap)
    {
        if (state->Context->FreeChunkKey == 0 || !heap.MayBeHeap || !Peek.IsAllowed(state))
        {
            return 0;
        }

        for (nuint offset = 0; offset < MaximumStateByteCount && heap.Start + offset + MinimumChunkByteCount < heap.End; offset += 16)
        {
            // At least two chunks: one alone could be anything that happens to hold the right number.
            nuint byteCount = Peek.Word(state, heap.Start + offset + 8) & ~FlagMask;
            if (byteCount < heap.End - heap.Start - offset && Lands(state, heap.Start + offset, heap.End))
            {
                return heap.Start + offset;
            }
        }

        return 0;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool Lands(ChildState* state, nuint chunk, nuint end)
    {
        while (chunk + HeaderByteCount < end)
        {
            nuint byteCount = Peek.Word(state, chunk + 8) & ~FlagMask;
            if (byteCount == HeaderByteCount && end - chunk == MinimumChunkByteCount)
            {
                return true;
            }

            if (byteCount < MinimumChunkByteCount || (byteCount & 15) != 0 || byteCount > end - chunk)
            {
                return false;
            }

            chunk += byteCount;
        }

        return chunk == end;
    }
}
