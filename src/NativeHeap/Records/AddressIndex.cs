// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: from the exact address of a block to the index of its record, in three loads.
// Who calls it: RecordStore on every allocation, free and lookup.
// The one idea: a shadow of the address space with one 4-byte slot per granule. A slot changes only by exchange, so
// whoever takes an index out of it is the only one who did: a double free has exactly one winner.
// Safety: directory and leaves are never given back; slots are addressed by bits of the address, so no index leaves
// its page.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Records;

/// <summary>
/// A two-level shadow index. Thread-safe and lock-free; leaves are created on demand and never go away.
/// </summary>
/// <remarks>
/// <code>
/// address (47 bits):  [ directory entry | slot in the leaf (21 bits) | inside the granule (shift bits) ]
/// shift 4: one slot per 16 bytes, a leaf covers 32 MiB of addresses     (every block of glibc)
/// shift 0: one slot per byte,     a leaf covers  2 MiB of addresses     (addresses not 16-aligned: other C heaps)
/// leaf:    2,097,152 slots of 4 bytes = 8 MiB, touched only where blocks are
/// regions: one byte per 4,096 slots, set once a block started there: a walk backwards skips the rest (AddressIndex.Interior)
/// </code>
/// </remarks>
internal sealed unsafe partial class AddressIndex
{
    /// <summary>
    /// User space of x64 with four-level paging ends here; no block lies above without asking for it.
    /// </summary>
    public const int AddressBits = 47;

    private const int SlotBits = 21;
    private const nuint SlotMask = (1u << SlotBits) - 1;
    private const nuint LeafByteCount = sizeof(uint) << SlotBits;
    private const int RegionBits = 12;
    private const nuint RegionsPerLeaf = 1u << (SlotBits - RegionBits);

    // 32,768 leaves: 1 TiB of addresses that hold blocks at shift 4. Address space only; halved while it is refused.
    private const nuint MaximumLeafCount = 1 << 15;
    private const nuint MinimumLeafCount = 4;

    private readonly IPageSource _pages;
    private readonly nuint* _directory;
    private readonly byte* _leaves;
    private readonly byte* _regions;
    private readonly nuint _leafCapacity;
    private readonly int _shift;
    private readonly IndexHeader* _header;

    private struct IndexHeader
    {
        public long NextLeaf;
        public nuint SpareLeaf;
        public long TouchedRegions;
        public nuint LargestBlock;
    }

    private AddressIndex(IPageSource pages, int shift, nuint directory, nuint leaves, nuint leafCapacity, nuint regions)
    {
        _pages = pages;
        _shift = shift;
        _directory = (nuint*)directory;
        _leaves = (byte*)leaves;
        _leafCapacity = leafCapacity;
        // The first page of the region bytes' allocation holds the header.
        _header = (IndexHeader*)regions;
        _regions = (byte*)regions + pages.PageByteCount;
    }

    /// <summary>Bytes of slots that hold or held an entry, in whole regions.</summary>
    // Order: a statistic.
    public nuint TouchedByteCount
        => (nuint)Volatile.Read(ref _header->TouchedRegions) << (RegionBits + 2);

    /// <summary>Largest block ever entered: how far back an interior address can lie behind its start.</summary>
    // Order: pairs with RaiseLargestBlock, which comes before the block is published.
    private nuint LargestBlock => Volatile.Read(ref _header->LargestBlock);

    /// <summary>
    /// Creates an index of granules of 2^<paramref name="shift"/> bytes; null when the system refuses.
    /// </summary>
    public static AddressIndex? TryCreate(IPageSource pages, int shift)
    {
        nuint directoryByteCount = (nuint)sizeof(nuint) << (AddressBits - shift - SlotBits);
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

            nuint regionByteCount = Math.Max(pages.PageByteCount, count * RegionsPerLeaf);
            nuint regions = ReserveAndCommit(pages, pages.PageByteCount + regionByteCount);
            if (regions != 0)
            {
                return new AddressIndex(pages, shift, directory, leaves, count, regions);
            }

            pages.Release(leaves, count * LeafByteCount);
        }

        pages.Release(directory, directoryByteCount);
        return null;
    }

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

    /// <summary>The slot of an address, or null when no block was ever near it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint* Find(nuint address)
    {
        nuint granule = address >> _shift;
        nuint entry = granule >> SlotBits;
        if (entry >= (nuint)1 << (AddressBits - SlotBits) >> _shift)
        {
            return null;
        }

        // Order: acquires the committed leaf; pairs with the compare-exchange in CreateLeaf.
        uint* leaf = (uint*)Volatile.Read(ref _directory[entry]);
        return leaf == null ? null : leaf + (granule & SlotMask);
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

        // The region byte is set before the slot: an interior search that misses it misses a block being born, no more.
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
        nuint granule = address >> _shift;
        nuint entry = granule >> SlotBits;
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

        // Order: publishes a committed, zeroed leaf; pairs with the read in Find. The loser keeps its leaf as a spare.
        nuint winner = Interlocked.CompareExchange(ref _directory[entry], leaf, 0);
        if (winner != 0)
        {
            // Order: one exchange; a spare that is pushed out is only address space, never touched.
            Interlocked.Exchange(ref _header->SpareLeaf, leaf);
            leaf = winner;
        }

        return (uint*)leaf + (granule & SlotMask);
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
