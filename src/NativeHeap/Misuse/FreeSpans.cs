// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: finds out whether an address lies in a larger piece of memory that the C heap holds as free.
// Who calls it: FreeJudge, about a block that the rings remember as freed and whose own header tells nothing any more.
// The one idea: a free chunk that was merged with its neighbours keeps its old header, but the merged chunk has a note of
// its size behind its end. From the old header the walk goes from chunk to chunk to such a note. A block in use is never
// covered by one: a free chunk lies behind it or before it, not over it. Most blocks in use need no walk: an old header that
// still looks used is one that was merged with the chunk before it, and says so, and that chunk has grown since.
// Safety: everything is read through HeapWords; a walk over old headers ends at the first that is none.
namespace NativeLeak.NativeHeap.Misuse;

/// <summary>glibc's merged free chunks, read without its locks. Thread-safe; no GC memory.</summary>
internal static unsafe class FreeSpans
{
    // Whoever frees a block tells the next chunk. Only if that one was free already, and went into the same merged chunk,
    // does its header still say otherwise; then the one behind it was told.
    private const int MaximumWalk = 3;

    private struct Header
    {
        public nuint PreviousByteCount;
        public nuint SizeAndFlags;
    }

    /// <summary>Whether the chunk at this address is part of a free one.</summary>
    public static bool Contain(nuint address)
    {
        nuint chunk = address - HeapChunk.HeaderByteCount;
        nuint page = 0;
        if (!HeapWords.TryProbe(address - 8, ref page, out nuint sizeAndFlags))
        {
            return false;
        }

        bool hasTop = FastLists.TryFindTop(chunk, sizeAndFlags, out nuint top);
        if ((sizeAndFlags & HeapChunk.PreviousInUse) != 0)
        {
            return hasTop && top == chunk;
        }

        if (!HeapWords.TryProbe(chunk, ref page, out nuint previousByteCount) || (previousByteCount <= chunk
            && HeapWords.TryReadNear(chunk - previousByteCount + 8, page, out nuint previous)
            && (previous & ~HeapChunk.FlagMask) == previousByteCount))
        {
            return false;
        }

        if (hasTop && top <= chunk && TryRead(top, out Header last)
            && chunk - top < (last.SizeAndFlags & ~HeapChunk.FlagMask))
        {
            return true;
        }

        nuint at = chunk;
        for (int step = 0; step < MaximumWalk; step++)
        {
            nuint byteCount = sizeAndFlags & ~HeapChunk.FlagMask;
            at += byteCount;
            // The header behind the block itself is its owner's; what is behind that can vanish.
            if (byteCount < HeapChunk.MinimumByteCount || (byteCount & HeapChunk.AlignmentMask) != 0
                || !(step == 0 ? HeapWords.TryProbe(at + 8, ref page, out sizeAndFlags)
                    : HeapWords.TryReadNear(at + 8, page, out sizeAndFlags)))
            {
                return false;
            }

            if ((sizeAndFlags & HeapChunk.PreviousInUse) == 0
                && HeapWords.TryReadNear(at, page, out nuint freeByteCount)
                && freeByteCount <= at && at - freeByteCount <= chunk
                && IsFree(at, freeByteCount) && IsFree(at, freeByteCount))
            {
                return true;
            }
        }

        return false;
    }

    // The note and the head of the free chunk must agree; asked twice, since the heap may be writing them.
    private static bool IsFree(nuint end, nuint byteCount)
        => TryRead(end - byteCount, out Header head) && (head.SizeAndFlags & ~HeapChunk.FlagMask) == byteCount
            && TryRead(end, out Header behind) && behind.PreviousByteCount == byteCount
            && (behind.SizeAndFlags & HeapChunk.PreviousInUse) == 0;

    private static bool TryRead(nuint address, out Header header)
    {
        Header read;
        bool isRead = HeapWords.TryCopy(address, &read, (nuint)sizeof(Header));
        header = isRead ? read : default;
        return isRead;
    }
}
