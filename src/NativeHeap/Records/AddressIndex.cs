// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: from the exact address of a block to the index of its record, in three loads.
// Who calls it: RecordStore on every allocation, free and lookup.
// The one idea: a shadow of the address space with one 4-byte slot per window of four granules. Most windows hold one
// start at most, so the slot itself names the granule; where a second block starts, the slot becomes a fork for good. A
// slot changes only by compare-exchange of its exact value: a double free has exactly one winner.
// Safety: directory, leaves and forks are never given back; slots are addressed by bits of the address, so no index
// leaves its page.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Records;

/// <summary>
/// A two-level shadow index. Thread-safe and lock-free; leaves are created on demand and never go away.
/// </summary>
/// <remarks>
/// <code>
/// address (47 bits):  [ directory entry | window = slot in the leaf (21) | granule (2) | inside the granule (shift) ]
/// shift 4: a window is 64 bytes, a leaf covers 128 MiB of addresses    (every block of glibc)
/// shift 0: a window is  4 bytes, a leaf covers   8 MiB of addresses    (addresses not 16-aligned: other C heaps)
///
/// slot:      31  30 29  28                0
///           ┌────┬──────┬──────────────────┐   0             nothing starts in this window
///           │fork│granul│ index            │   fork = 0      the record of the block that starts in that granule
///           └────┴──────┴──────────────────┘   fork = 1      the entry with four sub-slots, one per granule, each an
///                                                            index or 0; granule bits 0
/// leaf:      2,097,152 slots of 4 bytes = 8 MiB, touched only where blocks are
/// regions:   one byte per 4,096 slots, set once a block started there: a walk skips the rest (AddressIndex.Interior)
/// </code>
/// </remarks>
internal sealed unsafe partial class AddressIndex
{
    /// <summary>
    /// User space of x64 with four-level paging ends here; no block lies above without asking for it.
    /// </summary>
    public const int AddressBits = 47;

    /// <summary>Granules in a window, as a shift.</summary>
    public const int WindowGranuleBits = 2;

    /// <summary>Slots in a leaf, as a shift.</summary>
    public const int SlotBits = 21;

    /// <summary>Slots in a region, as a shift.</summary>
    public const int RegionBits = 12;

    /// <summary>The bit of a slot that makes it a fork.</summary>
    public const uint ForkBit = 1u << 31;

    /// <summary>The bits of a slot that name an entry.</summary>
    public const uint IndexMask = (1u << GranuleShift) - 1;

    /// <summary>Where a slot names the granule.</summary>
    public const int GranuleShift = PackedRecord.IndexBits;

    // Windows behind the first that an insert looks at on its way: blocks up to 2 KiB.
    private const nuint QuickWindowCount = 32;

    private const int GranuleMask = (1 << WindowGranuleBits) - 1;
    private const nuint SlotMask = (1u << SlotBits) - 1;
    private const nuint RegionMask = (1u << RegionBits) - 1;
    private const nuint LeafByteCount = sizeof(uint) << SlotBits;
    private const nuint RegionsPerLeaf = 1u << (SlotBits - RegionBits);

    // 16,384 leaves: 2 TiB of addresses that hold blocks at shift 4. Address space only; halved while it is refused.
    private const nuint MaximumLeafCount = 1 << 14;
    private const nuint MinimumLeafCount = 4;

    private readonly IPageSource _pages;
    private readonly nuint* _directory;
    private readonly byte* _leaves;
    private readonly byte* _regions;
    private readonly uint* _leafEntries;
    private readonly nuint _leafCapacity;
    private readonly int _shift;
    private readonly int _windowShift;
    private readonly IndexHeader* _header;
    private readonly PackedRecord* _entries;

    private struct IndexHeader
    {
        public long NextLeaf;
        public nuint SpareLeaf;
        public long TouchedRegions;
        public nuint LargestBlock;
    }

    private AddressIndex(IPageSource pages, int shift, PackedRecord* entries, nuint directory, nuint leaves,
        nuint leafCapacity, nuint tables)
    {
        _pages = pages;
        _shift = shift;
        _windowShift = shift + WindowGranuleBits;
        _entries = entries;
        _directory = (nuint*)directory;
        _leaves = (byte*)leaves;
        _leafCapacity = leafCapacity;
        // The first page of the tables holds the header; then one word per leaf, then the region bytes.
        _header = (IndexHeader*)tables;
        _leafEntries = (uint*)(tables + pages.PageByteCount);
        _regions = (byte*)(_leafEntries + leafCapacity);
    }

    /// <summary>Bytes of slots that hold or held an entry, in whole regions.</summary>
    // Order: a statistic.
    public nuint TouchedByteCount
        => (nuint)Volatile.Read(ref _header->TouchedRegions) << (RegionBits + 2);

    /// <summary>Largest block ever entered: how far back an interior address can lie behind its start.</summary>
    // Order: pairs with RaiseLargestBlock, which comes before the block is published.
    private nuint LargestBlock => Volatile.Read(ref _header->LargestBlock);

    private nuint DirectoryByteCount => (nuint)sizeof(nuint) << (AddressBits - _windowShift - SlotBits);

    /// <summary>
    /// Creates an index of granules of 2^<paramref name="shift"/> bytes; null when the system refuses.
    /// </summary>
    /// <param name="pages">Where it lives.</param>
    /// <param name="shift">4, or 0 for addresses that are not 16-aligned.</param>
    /// <param name="entries">The entry with index 0, for forks.</param>
    public static AddressIndex? TryCreate(IPageSource pages, int shift, PackedRecord* entries)
    {
        nuint directoryByteCount = (nuint)sizeof(nuint) << (AddressBits - shift - WindowGranuleBits - SlotBits);
        nuint directory = ReserveAndCommit(pages, directoryByteCount);
        if (directory == 0)
        {
            return null;
        }

        for (nuint count = MaximumLeafCount; count >= MinimumLeafCount; count /= 2)
        {
            nuint leaves = pages.Reserve(count * LeafByteCount);
            if (leaves == 0)
            {
                continue;
            }

            nuint tables = ReserveAndCommit(pages, TablesByteCount(pages, count));
            if (tables != 0)
            {
                return new AddressIndex(pages, shift, entries, directory, leaves, count, tables);
            }

            pages.Release(leaves, count * LeafByteCount);
        }

        pages.Release(directory, directoryByteCount);
        return null;
    }

    /// <summary>Gives everything back. Nobody may use the index any more.</summary>
    public void Release()
    {
        _pages.Release((nuint)_directory, DirectoryByteCount);
        _pages.Release((nuint)_leaves, _leafCapacity * LeafByteCount);
        _pages.Release((nuint)_header, TablesByteCount(_pages, _leafCapacity));
    }

    /// <summary>What the frozen world needs to walk this index.</summary>
    public FrozenIndex Freeze() => new()
    {
        Directory = _directory,
        LeafEntries = _leafEntries,
        LeafCount = &_header->NextLeaf,
        LeafCapacity = (long)_leafCapacity,
        Leaves = _leaves,
        Regions = _regions,
        Shift = _shift,
    };

    private static nuint TablesByteCount(IPageSource pages, nuint leafCount)
        => (pages.PageByteCount + (leafCount * (sizeof(uint) + RegionsPerLeaf)) + pages.PageByteCount - 1)
            & ~(pages.PageByteCount - 1);

    // Reserved first, so that the system does not charge the process for a sparse table it will hardly touch.
    private static nuint ReserveAndCommit(IPageSource pages, nuint byteCount)
    {
        nuint address = pages.Reserve(byteCount);
        if (address != 0 && !pages.Commit(address, byteCount))
        {
            pages.Release(address, byteCount);
            return 0;
        }

        return address;
    }

    /// <summary>The granule of an address within its window, 0 … 3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint GranuleOf(nuint address) => (uint)(address >> _shift) & GranuleMask;

    /// <summary>Bytes of a granule.</summary>
    public nuint GranuleByteCount => (nuint)1 << _shift;

    /// <summary>
    /// Whether a block may start inside the given one, behind its own granule. Never a wrong no; a yes means that it must
    /// be looked at.
    /// </summary>
    /// <param name="slot">The slot of <paramref name="address"/>.</param>
    /// <param name="address">Start of the block.</param>
    /// <param name="byteCount">Its size.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MayHaveStarts(uint* slot, nuint address, nuint byteCount)
    {
        // Safety: all slots read lie in the leaf of the first one.
        nuint window = address >> _windowShift;
        nuint lastByte = unchecked(address + byteCount - 1);
        nuint ahead = unchecked((lastByte >> _windowShift) - window);
        uint own = *slot;
        if (own != 0 && HasStart(own, GranuleOf(address) + 1, ahead == 0 ? GranuleOf(lastByte) : GranuleMask))
        {
            return true;
        }

        if (unchecked(ahead - 1) >= QuickWindowCount)
        {
            // No further window, or too many to look at here. (A block of no bytes at a window's start wraps.)
            return ahead != 0 && byteCount != 0;
        }

        if ((window & SlotMask) + QuickWindowCount > SlotMask)
        {
            return true;
        }

        uint last = slot[ahead];
        bool isLastIn = last != 0 && HasStart(last, 0, GranuleOf(lastByte));
        ulong between = 0;
        uint* at = slot + 1;
        for (uint* end = slot + ahead - 1; at < end; at += 2)
        {
            between |= *(ulong*)at;
        }

        return isLastIn || (between | (at < slot + ahead ? *at : 0)) != 0;
    }

    // Whether something starts in one of these granules of a window.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool HasStart(uint word, uint first, uint last)
    {
        if ((word & ForkBit) == 0)
        {
            uint granule = word >> GranuleShift;
            return granule >= first && granule <= last;
        }

        uint* fork = (uint*)(_entries + (word & IndexMask));
        uint found = 0;
        for (uint granule = first; granule <= last; granule++)
        {
            found |= fork[granule];
        }

        return found != 0;
    }

    /// <summary>The slot of an address, or null when no block was ever near it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint* Find(nuint address)
    {
        nuint window = address >> _windowShift;
        if (address >> AddressBits != 0)
        {
            return null;
        }

        // Order: acquires the committed leaf; pairs with the compare-exchange in CreateLeaf.
        uint* leaf = (uint*)Volatile.Read(ref _directory[window >> SlotBits]);
        return leaf == null ? null : leaf + (window & SlotMask);
    }

    /// <summary>
    /// The slot of an address that is about to be entered, creating its leaf; null when memory ran out.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint* FindOrCreate(nuint address, nuint byteCount)
    {
        uint* slot = Find(address);
        if (slot == null)
        {
            slot = CreateLeaf(address);
            if (slot == null)
            {
                return null;
            }
        }

        // The region byte is set before the slot: a search that misses it misses a block being born, no more.
        byte* region = _regions + ((nuint)((byte*)slot - _leaves) >> (RegionBits + 2));
        if (*region == 0)
        {
            TouchRegion(region);
        }

        if (byteCount > _header->LargestBlock)
        {
            RaiseLargestBlock(byteCount);
        }

        return slot;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TouchRegion(byte* region)
    {
        // Order: the exchange has one winner, so that the region is counted once.
        if (Interlocked.Exchange(ref *region, (byte)1) == 0)
        {
            Interlocked.Increment(ref _header->TouchedRegions);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RaiseLargestBlock(nuint byteCount)
    {
        while (true)
        {
            // Order: only the start of the loop; the compare-exchange decides.
            nuint seen = Volatile.Read(ref _header->LargestBlock);
            // Order: a monotonous maximum, raised before the block is published; pairs with the read in the interior
            // search.
            if (byteCount <= seen || Interlocked.CompareExchange(ref _header->LargestBlock, byteCount, seen) == seen)
            {
                return;
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private uint* CreateLeaf(nuint address)
    {
        nuint window = address >> _windowShift;
        nuint entry = window >> SlotBits;
        if (address >> AddressBits != 0)
        {
            return null;
        }

        nuint leaf = TakeLeaf();
        if (leaf == 0)
        {
            // Another thread may have created it in the meantime.
            return Find(address);
        }

        // Order: before the leaf is published, so that a walk over the list of leaves misses none that is in use; pairs
        // with the reads in FrozenIndex and TryNextLeaf. A loser's leaf is listed twice, which walks put up with.
        Volatile.Write(ref _leafEntries[(leaf - (nuint)_leaves) / LeafByteCount], (uint)entry + 1);

        // Order: publishes a committed, zeroed leaf; pairs with the read in Find. The loser keeps its leaf as a spare.
        nuint winner = Interlocked.CompareExchange(ref _directory[entry], leaf, 0);
        if (winner != 0)
        {
            // Order: one exchange; a spare that is pushed out is only address space, never touched.
            Interlocked.Exchange(ref _header->SpareLeaf, leaf);
            leaf = winner;
        }

        return (uint*)leaf + (window & SlotMask);
    }

    private nuint TakeLeaf()
    {
        // Order: whoever gets a non-zero spare is its only owner.
        nuint spare = Interlocked.Exchange(ref _header->SpareLeaf, 0);
        if (spare != 0)
        {
            return spare;
        }

        // Order: each leaf number is handed out once.
        nuint number = (nuint)Interlocked.Increment(ref _header->NextLeaf) - 1;
        if (number >= _leafCapacity)
        {
            return 0;
        }

        nuint leaf = (nuint)_leaves + (number * LeafByteCount);
        return _pages.Commit(leaf, LeafByteCount) ? leaf : 0;
    }
}
