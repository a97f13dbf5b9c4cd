// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: looks for a chunk in the C heap's fast lists, the one place where a free chunk looks like one in use.
// Who calls it: FreeJudge, about a small block that the rings remember as freed.
// The one idea: a list is walked from its head. A block that its rightful owner is freeing has been in no list for the
// whole walk, so no link can lead to it; whatever other threads do meanwhile can only hide a chunk that is there.
// Where the heads are is learned from the heap itself: a chunk that was just freed past the cache is one.
// Safety: heads and links are copied through the kernel: stale ones end the walk.
using System.Runtime.Versioning;
using NativeLeak.Interop.Linux;
using NativeLeak.Interop.Linux.Patching;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>glibc's fast lists, read without its locks. Thread-safe; no GC memory.</summary>
internal static unsafe class FastLists
{
    private const nuint HeapAlignment = 64 << 20; // a heap of another arena begins with a pointer to the arena
    private const nuint HeadsOffset = 16, TopOffset = 96, SmallestByteCount = 32, SizeStep = 16; // struct malloc_state, glibc 2.27 on
    private const int LargestIndex = 6; // chunks of 128 bytes
    private const int PageBits = 12;
    private const int MaximumWalk = 1024;
    private const int MaximumTries = 4;
    private const int ProbeCount = 24; // more than a thread's cache holds of one size (7)
    private const nuint ProbeByteCount = 100;

    private const string Library = "libc.so.6";

    private static nuint s_mainArena;
    private static bool s_isUnderstood;
    private static int s_isStarted;

    /// <summary>Whether the lists can be read.</summary>
    public static bool IsUnderstood => s_isUnderstood;

    /// <summary>Learns where the lists are, once. Cold; without success nothing is ever found.</summary>
    public static void Initialize()
    {
        // Order: one learner.
        if (!HeapChunk.IsUnderstood || Interlocked.Exchange(ref s_isStarted, 1) != 0)
        {
            return;
        }

        using DetectorThread.Scope scope = DetectorThread.Enter();
        try
        {
            Learn();
        }
        catch (Exception)
        {
            // No memory, no list of modules: a small block freed twice is then passed on when it is in such a list.
            s_isUnderstood = false;
        }
    }

    // Several tries: whatever the runtime allocates between a free and the look at the lists can take the very block, and
    // the first try makes it compile what the second only runs.
    private static void Learn()
    {
        if (!OperatingSystem.IsLinux() || LoadedModules.Find(Library) is not { } library)
        {
            return;
        }

        for (int attempt = 0; attempt < MaximumTries && !s_isUnderstood; attempt++)
        {
            s_isUnderstood = TryLearn(library);
        }
    }

    [SupportedOSPlatform("linux")]
    private static bool TryLearn(ElfImage library)
    {
        nuint* blocks = stackalloc nuint[ProbeCount];
        for (int i = 0; i < ProbeCount; i++)
        {
            blocks[i] = (nuint)CHeap.Malloc(ProbeByteCount);
        }

        nuint last = blocks[ProbeCount - 1];
        for (int i = 0; i < ProbeCount; i++)
        {
            CHeap.Free((void*)blocks[i], ProbeByteCount);
        }

        if (last == 0 || !HeapWords.TryCopy(last - 8, out nuint size))
        {
            return false;
        }

        int index = IndexOf(size & ~HeapChunk.FlagMask);
        if ((size & HeapChunk.OtherArena) == 0)
        {
            nuint head = FindHead(library, last - HeapChunk.HeaderByteCount);
            s_mainArena = head == 0 ? 0 : head - HeadsOffset - ((nuint)index * (nuint)sizeof(nuint));
        }

        return (s_mainArena != 0 || (size & HeapChunk.OtherArena) != 0) && Contain(last) && !Contain(last + SizeStep);
    }

    /// <summary>Whether the chunk at this address is in a fast list.</summary>
    public static bool Contain(nuint address)
    {
        nuint chunk = address - HeapChunk.HeaderByteCount;
        if (!HeapWords.TryCopy(address - 8, out nuint size))
        {
            return false;
        }

        int index = IndexOf(size & ~HeapChunk.FlagMask);
        if (index is < 0 or > LargestIndex)
        {
            return false;
        }

        nuint page = 0;
        if (!TryFindArena(chunk, size, ref page, out nuint arena)
            || !HeapWords.TryCopy(arena + HeadsOffset + ((nuint)index * (nuint)sizeof(nuint)), out nuint at))
        {
            return false;
        }

        for (int step = 0; step < MaximumWalk && at != 0; step++)
        {
            if (at == chunk)
            {
                return true;
            }

            nuint place = at + HeapChunk.HeaderByteCount;
            if (!HeapWords.TryCopy(place, out nuint link))
            {
                return false;
            }

            at = link ^ (place >> PageBits);
        }

        return false;
    }

    // Searches the writable data of the library that provides malloc: it does not go away.
    [SupportedOSPlatform("linux")]
    private static nuint FindHead(ElfImage library, nuint wanted)
    {
        foreach (ElfSegment segment in library.Segments)
        {
            bool isData = (segment.Flags & ElfFormat.PF_W) != 0;
            for (nuint at = segment.Range.Start; isData && at + (nuint)sizeof(nuint) <= segment.Range.End;
                at += (nuint)sizeof(nuint))
            {
                if (*(nuint*)at == wanted)
                {
                    return at;
                }
            }
        }

        return 0;
    }

    /// <summary>Where the unused rest of the arena begins that a chunk belongs to.</summary>
    public static bool TryFindTop(nuint chunk, nuint sizeAndFlags, out nuint top)
    {
        top = 0;
        nuint page = 0;
        return s_isUnderstood && TryFindArena(chunk, sizeAndFlags, ref page, out nuint arena)
            && HeapWords.TryProbe(arena + TopOffset, ref page, out top) && top != 0;
    }

    // A heap stays where it is while a block in it is in use, and arenas stay for ever.
    private static bool TryFindArena(nuint chunk, nuint sizeAndFlags, ref nuint page, out nuint arena)
    {
        arena = s_mainArena;
        return ((sizeAndFlags & HeapChunk.OtherArena) == 0
            || HeapWords.TryProbe(chunk & ~(HeapAlignment - 1), ref page, out arena)) && arena != 0;
    }

    private static int IndexOf(nuint byteCount)
        => byteCount >= SmallestByteCount && byteCount % SizeStep == 0
            ? (int)Math.Min((byteCount - SmallestByteCount) / SizeStep, LargestIndex + 1)
            : -1;
}
