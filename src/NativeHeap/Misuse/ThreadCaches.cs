// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: looks for a chunk in the caches of free chunks that the C heap keeps for each thread.
// Who calls it: FreeJudge, about a block whose second word is the key of such chunks.
// The one idea: the key alone proves nothing: a thread that ends hands its chunks back with the key still in them, and who
// is given one and writes nothing owns a block that looks cached. The list decides: a block that its rightful owner is
// freeing is in no list for the whole walk, so no link of a listed chunk leads to it. Where a thread keeps its lists is
// learned from the heap itself: right after two frees they are the heads of two lists, and something near the thread's
// control block points there.
// Safety: everything is copied through the kernel: control blocks of threads that ended, stale links.
using System.Runtime.CompilerServices;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>glibc's caches of the threads that free through us (struct tcache_perthread_struct). Thread-safe; no GC memory.</summary>
internal static unsafe class ThreadCaches
{
    private const nuint OneByteCount = 40, OtherByteCount = 200; // blocks of different lists
    private const nuint SizeStep = 16;
    private const int PageByteCount = 4096, PageBits = 12;
    private const int StaticPages = 4; // thread-local data of libraries that were there at the start, below the control block
    private const int CacheByteCount = 1024; // more than the heads of all lists
    private const int ListCount = 64;
    private const int MaximumWalk = 256; // glibc caches 7 of a size, if nobody asked for more
    private const int Emptying = 16;
    private const int MaximumTries = 8;

    private static nuint s_pointerOffset; // of the pointer to the cache, below the control block; 0 = not understood
    private static nuint s_headsOffset;

    /// <summary>Whether the caches can be read.</summary>
    public static bool IsUnderstood => s_pointerOffset != 0;

    /// <summary>Learns where they are. Idempotent, cold; without success nothing is ever found.</summary>
    public static void Initialize()
    {
        // Several tries: what the runtime allocates between the frees and the look can take the very blocks.
        for (int attempt = 0; attempt < MaximumTries && HeapChunk.IsUnderstood && s_pointerOffset == 0; attempt++)
        {
            Learn();
        }
    }

    /// <summary>Whether the chunk at this address is in a cache.</summary>
    public static bool Contain(nuint address)
    {
        if (s_pointerOffset == 0 || !HeapWords.TryCopy(address - 8, out nuint size))
        {
            return false;
        }

        nuint list = IndexOf(size & ~HeapChunk.FlagMask);
        for (int i = 0; i < RecentFrees.Count && list < ListCount; i++)
        {
            if (RecentFrees.TryGetOwner(i, out nuint owner)
                && HeapWords.TryCopy(owner - s_pointerOffset, out nuint cache) && cache != 0
                && Leads(cache + s_headsOffset + (list * (nuint)sizeof(nuint)), address))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Leads(nuint head, nuint address)
    {
        bool isRead = HeapWords.TryCopy(head, out nuint at);
        for (int step = 0; step < MaximumWalk && isRead && at != 0; step++)
        {
            if (at == address)
            {
                return true;
            }

            isRead = HeapWords.TryCopy(at, out nuint link);
            at = link ^ (at >> PageBits);
        }

        return false;
    }

    // The lists of both sizes are emptied first, so that both blocks become heads.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Learn()
    {
        nuint* blocks = stackalloc nuint[2 * Emptying];
        for (int i = 0; i < Emptying; i++)
        {
            blocks[i] = (nuint)CHeap.Malloc(OneByteCount);
            blocks[Emptying + i] = (nuint)CHeap.Malloc(OtherByteCount);
        }

        nuint one = blocks[0], other = blocks[Emptying];
        CHeap.Free((void*)one, OneByteCount);
        CHeap.Free((void*)other, OtherByteCount);
        if (one != 0 && other != 0)
        {
            Search(MachineCode.ThreadControlBlock(), one, other);
        }

        for (int i = 1; i < Emptying; i++)
        {
            CHeap.Free((void*)blocks[i], OneByteCount);
            CHeap.Free((void*)blocks[Emptying + i], OtherByteCount);
        }
    }

    [SkipLocalsInit]
    private static void Search(nuint controlBlock, nuint one, nuint other)
    {
        if (!HeapWords.TryCopy(one - 8, out nuint oneSize) || !HeapWords.TryCopy(other - 8, out nuint otherSize))
        {
            return;
        }

        nuint* words = stackalloc nuint[PageByteCount / sizeof(nuint)];
        nuint oneList = IndexOf(oneSize & ~HeapChunk.FlagMask), otherList = IndexOf(otherSize & ~HeapChunk.FlagMask);
        nuint end = controlBlock;
        for (int i = 0; i < StaticPages && s_pointerOffset == 0; i++)
        {
            nuint start = (end - 1) & ~(nuint)(PageByteCount - 1);
            int count = (int)(end - start) / sizeof(nuint);
            if (!HeapWords.TryCopy(start, words, end - start))
            {
                return;
            }

            for (int at = count - 1; at >= 0; at--)
            {
                if (IsCache(words[at], one, other, oneList, otherList, out nuint heads))
                {
                    s_headsOffset = heads;
                    s_pointerOffset = controlBlock - (start + ((nuint)at * (nuint)sizeof(nuint)));
                    return;
                }
            }

            end = start;
        }
    }

    // Both blocks are there, as far apart as their lists.
    [SkipLocalsInit]
    private static bool IsCache(
        nuint address, nuint one, nuint other, nuint oneList, nuint otherList, out nuint heads)
    {
        nuint* words = stackalloc nuint[CacheByteCount / sizeof(nuint)];
        heads = 0;
        if ((address & HeapChunk.AlignmentMask) != 0 || address < PageByteCount
            || !HeapWords.TryCopy(address, words, CacheByteCount))
        {
            return false;
        }

        for (nuint at = oneList; at + otherList - oneList < CacheByteCount / (nuint)sizeof(nuint); at++)
        {
            if (words[at] == one && words[at + otherList - oneList] == other)
            {
                heads = (at - oneList) * (nuint)sizeof(nuint);
                return true;
            }
        }

        return false;
    }

    private static nuint IndexOf(nuint chunkByteCount)
        => chunkByteCount >= HeapChunk.MinimumByteCount ? (chunkByteCount - HeapChunk.MinimumByteCount) / SizeStep : ListCount;
}
