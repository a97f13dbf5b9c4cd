// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: asks the C heap's own notes whether an address is a block in use.
// Who calls it: FreeJudge, about addresses that have no record.
// The one idea: a chunk in use has a sound header, and its successor says "the one before me is in use". Where that does
// not hold, no legitimate owner exists, whatever else is true; glibc itself ends the process for most of it. In doubt the
// answer is "in use", and the free goes where it would have gone without us.
// Safety: everything is read through HeapWords: any address may be asked for.
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>What the C heap's notes at an address look like.</summary>
internal enum ChunkState
{
    /// <summary>This heap's notes are not understood: nothing is concluded.</summary>
    Unknown,

    /// <summary>A block in use; or a free chunk that was merged with others, and whose old header still stands.</summary>
    InUse,

    /// <summary>As InUse; or a free chunk in one of the heap's fast lists.</summary>
    MayBeInFastList,

    /// <summary>As InUse; or a free chunk in some thread's cache.</summary>
    MayBeInThreadCache,

    /// <summary>No block in use starts here: the memory is free.</summary>
    Free,

    /// <summary>No block in use starts here: the memory does not exist, or its header is none.</summary>
    NoChunk,
}

/// <summary>Reads the headers of glibc's malloc (drawn in the scanner's FreeChunks). Thread-safe, no GC memory.</summary>
internal static unsafe class HeapChunk
{
    /// <summary>Before each block; the size is its second word.</summary>
    public const nuint HeaderByteCount = 16;

    /// <summary>The smallest chunk.</summary>
    public const nuint MinimumByteCount = 32;

    /// <summary>The flags in the low bits of a size.</summary>
    public const nuint PreviousInUse = 1, OwnMapping = 2, OtherArena = 4, FlagMask = 7;

    /// <summary>Chunks are aligned to one more than this.</summary>
    public const nuint AlignmentMask = 15;

    private const nuint LargestFastByteCount = 128; // glibc's M_MXFAST for 64-bit systems, header included
    private const int PageBits = 12;
    private const int UserBits = 47;

    private static nuint s_freeKey;

    /// <summary>Whether the heap's notes are understood.</summary>
    public static bool IsUnderstood => s_freeKey != 0;

    /// <summary>Learns how the heap marks its chunks, and proves it on one block. Idempotent, cold.</summary>
    public static void Initialize()
    {
        if (s_freeKey != 0)
        {
            return;
        }

        s_freeKey = FreeChunkKey.Find();
        nuint block = (nuint)CHeap.Malloc(72);
        if (block != 0)
        {
            bool isSound = Look(block) is ChunkState.InUse or ChunkState.MayBeInFastList;
            CHeap.Free((void*)block, 72);
            isSound = isSound && Look(block) == ChunkState.MayBeInThreadCache;
            s_freeKey = isSound ? s_freeKey : 0;
        }
    }

    /// <summary>What the heap's notes at this address look like. A tenth or two of a microsecond.</summary>
    public static ChunkState Look(nuint address)
    {
        if (s_freeKey == 0)
        {
            return ChunkState.Unknown;
        }

        nuint page = 0;
        if ((address & AlignmentMask) != 0 || address < 2 * HeaderByteCount || address >> UserBits != 0
            || !HeapWords.TryProbe(address - 8, ref page, out nuint sizeAndFlags))
        {
            return ChunkState.NoChunk;
        }

        nuint byteCount = sizeAndFlags & ~FlagMask;
        if ((sizeAndFlags & OwnMapping) != 0)
        {
            return ChunkState.InUse;
        }

        if (byteCount < MinimumByteCount || (byteCount & AlignmentMask) != 0 || byteCount >> UserBits != 0
            || !HeapWords.TryProbe(address, ref page, out nuint first)
            || !HeapWords.TryProbe(address + 8, ref page, out nuint second))
        {
            return ChunkState.NoChunk;
        }

        // Behind a block in use there is always another chunk; behind the heap's last, free one there is none.
        if (!HeapWords.TryProbe(address - HeaderByteCount + byteCount + 8, ref page, out nuint next)
            || (next & PreviousInUse) == 0)
        {
            return ChunkState.Free;
        }

        return !IsLink(address, first) ? ChunkState.InUse
            : second == s_freeKey ? ChunkState.MayBeInThreadCache
            : byteCount <= LargestFastByteCount ? ChunkState.MayBeInFastList
            : ChunkState.InUse;
    }

    // The link of a cached chunk is disguised by its own place (glibc's "safe linking").
    private static bool IsLink(nuint address, nuint word)
    {
        nuint link = word ^ (address >> PageBits);
        return (link & AlignmentMask) == 0 && link >> UserBits == 0;
    }
}
