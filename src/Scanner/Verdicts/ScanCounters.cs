// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Verdicts;

/// <summary>Blocks and bytes of one kind.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KindTotal
{
    /// <summary>How many blocks.</summary>
    public long Blocks;

    /// <summary>Their bytes, as asked for.</summary>
    public long Bytes;

    /// <summary>What they stand for when blocks are sampled; not kept for all kinds together.</summary>
    public EstimateSum Estimate;
}

/// <summary>Everything a scan counts, written by the child into shared pages: totals per kind and what the scan could see.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ScanCounters
{
    /// <summary>All live blocks, and per kind.</summary>
    public KindTotal Live, Reachable, Definite, Indirect, Possible, Young, Ignored, FreedBehindOurBack;

    /// <summary>Bytes read as roots, and as contents of reached blocks.</summary>
    public long RootBytes, BlockBytes;

    /// <summary>Bytes that should have been read and could not be.</summary>
    public long UnreadableBytes;

    /// <summary>Managed objects traced; candidates that looked like one and were not.</summary>
    public long ObjectsTraced, ObjectsRejected;

    /// <summary>Interior pointers into the managed heap resolved.</summary>
    public long InteriorResolved;

    /// <summary>Bytes of cached stacks of exited threads, of free C-heap chunks, and of our own memory: left out on purpose.</summary>
    public long DeadStackBytes, FreeChunkBytes, OwnBytes;

    /// <summary>How reachable blocks are held, where that is worth telling.</summary>
    public HeldCounters Held;

    /// <summary>Number of entries in the list of lost blocks.</summary>
    public long LostCount;

    /// <summary>Bits of <see cref="ScanWarning"/>.</summary>
    public long Warnings;
}

/// <summary>What made a scan less than complete. Each has a sentence in the report.</summary>
[Flags]
internal enum ScanWarning : long
{
    /// <summary>Nothing to say.</summary>
    None = 0,

    /// <summary>The layout of the managed heap is not known: it was read whole, as bytes (misses leaks, invents none).</summary>
    ManagedHeapConservative = 1,

    /// <summary>Some threads could not be parked: their stacks count whole, their registers are unknown. Inconclusive.</summary>
    ThreadsNotParked = 2,

    /// <summary>Memory shared with other processes or kept out of the copy was larger than the budget of the pause. Inconclusive.</summary>
    LiveMemoryUnread = 4,

    /// <summary>A table of the scan was too small. Inconclusive.</summary>
    TableOverflow = 8,

    /// <summary>Some memory could not be read. Inconclusive.</summary>
    MemoryUnreadable = 16,

    /// <summary>The list of mappings could not be read. Inconclusive.</summary>
    MappingsUnreadable = 32,

    /// <summary>Device memory was not read.</summary>
    DeviceMemorySkipped = 64,

    /// <summary>The process could not be held long enough for a last look, and it moved too much for looks at its living memory to
    /// agree. Inconclusive.</summary>
    Unconfirmed = 128,
}
