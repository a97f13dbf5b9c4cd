// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: from the exact address of a block to the index of its record, in three loads.
// Who calls it: RecordStore on every allocation, free and lookup.
// The one idea: a shadow of the address space with one 4-byte slot per window of four granules. Most windows hold one
// start at most, so the slot itself names the granule; a second block that starts there goes into the second slot, which
// lies apart, and for a third one the second slot becomes a fork for good. A record never moves from one to the other, and
// a slot changes only by compare-exchange of its exact value: a double free has exactly one winner.
// Safety: directory, leaves and forks are never given back; slots are addressed by bits of the address, so no index
// leaves its page.
using System.Numerics;
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
///           ┌────┬──────┬──────────────────┐   0             nothing starts in this window (or not here)
///           │fork│granul│ index            │   fork = 0      the record of the block that starts in that granule
///           └────┴──────┴──────────────────┘   fork = 1      second slots only: the entry with four sub-slots, one per
///                                                            granule, each an index or 0; granule bits 0
/// leaf:      2,097,152 slots of 4 bytes = 8 MiB, then as many second slots; touched only where blocks are
/// regions:   one byte per 4,096 slots or second slots, set once a block stood there: a walk skips the rest
/// tallies:   one byte per 64 slots: bit 7 the region's byte is set, bits 0–6 how many of their second slots are in use (0 … 64)
/// stretches: one word per 128 regions (2 MiB): how many of them are set, and whether a large page stands behind all
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

    /// <summary>From a window's slot to its second one, in slots.</summary>
    public const int SecondOffset = 1 << SlotBits;

    /// <summary>Slots in a region, as a shift.</summary>
    public const int RegionBits = 12;

    /// <summary>The bit of a slot that makes it a fork.</summary>
    public const uint ForkBit = 1u << 31;

    /// <summary>The bits of a slot that name an entry.</summary>
    public const uint IndexMask = (1u << GranuleShift) - 1;

    /// <summary>Where a slot names the granule.</summary>
    public const int GranuleShift = PackedRecord.IndexBits;

    /// <summary>The shift of the index of 16-aligned addresses.</summary>
    public const int AlignedShift = 4;

    /// <summary>Slots in a tally, as a shift.</summary>
    public const int TallyBits = 6;

    /// <summary>A tally whose region is touched, and no second slot in use.</summary>
    public const byte TouchedTally = 0x80;

    private const int GranuleMask = (1 << WindowGranuleBits) - 1;
    private const nuint SlotMask = (1u << SlotBits) - 1;
    private const nuint RegionMask = (1u << RegionBits) - 1;
    /// <summary>Reach of interior lookups, whatever the largest block: so smaller blocks need not be compared with it.</summary>
    public const nuint LeastReach = 64 * 1024;

    private const nuint LeafByteCount = 2 * (sizeof(uint) << SlotBits);
    private const nuint RegionsPerLeaf = 2u << (SlotBits - RegionBits);

    // Those of second slots are never used: so one shift leads from a slot to its tally.
    private const nuint TalliesPerLeaf = 2u << (SlotBits - TallyBits);

    // 16,384 leaves: 2 TiB of addresses that hold blocks at shift 4. Address space only; halved while it is refused.
    private const nuint MaximumLeafCount = 1 << 14;
    private const nuint MinimumLeafCount = 4;

    private readonly IPageSource _pages;
    private readonly nuint* _directory;
    private readonly byte* _leaves;
    private readonly byte* _regions;
    private readonly byte* _tallies;
    private readonly uint* _leafEntries;
    private readonly int* _stretches;
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
        // The first page of the tables holds the header; then a word per leaf, the words of stretches, the bytes of
        // regions and tallies.
        _header = (IndexHeader*)tables;
        _leafEntries = (uint*)(tables + pages.PageByteCount);
        _stretches = (int*)(_leafEntries + leafCapacity);
        _regions = (byte*)(_stretches + (leafCapacity * StretchesPerLeaf));
        _tallies = _regions + (leafCapacity * RegionsPerLeaf);
        _header->LargestBlock = LeastReach;
    }

    /// <summary>Bytes of slots that hold or held an entry, in whole regions and large pages.</summary>
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
        => (pages.PageByteCount + (leafCount * (sizeof(uint) + (StretchesPerLeaf * sizeof(int)) + RegionsPerLeaf + TalliesPerLeaf)) + pages.PageByteCount - 1)
            & ~(pages.PageByteCount - 1);

    // Reserved first, so that the system does not charge the process for a sparse table it will hardly touch.
    private static nuint ReserveAndCommit(IPageSource pages, nuint byteCount)
    {
        nuint address = pages.Reserve(byteCount);
        if (address != 0 && !pages.CommitSparse(address, byteCount))
        {
            pages.Release(address, byteCount);
            return 0;
        }

        return address;
    }

    /// <summary>Where leaves begin, and the tallies of their slots, for <see cref="IsPlain"/>.</summary>
    public byte* Leaves => _leaves;

    /// <inheritdoc cref="Leaves"/>
    public byte* Tallies => _tallies;

    /// <summary>Directory entries, for <see cref="FindAligned"/>.</summary>
    public nuint* Directory => _directory;

    /// <summary>Where its parts are: they never move.</summary>
    public void Locate(out nuint* directory, out byte* leaves, out byte* tallies)
    {
        directory = _directory;
        leaves = _leaves;
        tallies = _tallies;
    }

    /// <summary>The granule of an address within its window, 0 … 3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint GranuleOf(nuint address) => (uint)(address >> _shift) & GranuleMask;

    /// <summary>Bytes of a granule.</summary>
    public nuint GranuleByteCount => (nuint)1 << _shift;

    /// <summary>As <see cref="GranuleOf"/>, in the index of 16-aligned addresses.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint AlignedGranuleOf(nuint address) => (uint)(address >> AlignedShift) & GranuleMask;

    /// <summary>
    /// As <see cref="Find"/>, in the index of 16-aligned addresses with this directory; null also for other addresses.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint* FindAligned(nuint* directory, nuint address)
    {
        // Rotated: the bits of an address that is not aligned come out on top, beside those of one that is too high.
        nuint rotated = BitOperations.RotateRight(address, AlignedShift);
        if (rotated >> (AddressBits - AlignedShift) != 0)
        {
            return null;
        }

        nuint window = rotated >> WindowGranuleBits;
        // Order: acquires the committed leaf; pairs with the compare-exchange in CreateLeaf.
        uint* leaf = (uint*)Volatile.Read(ref directory[window >> SlotBits]);
        return leaf == null ? null : leaf + (window & SlotMask);
    }

    /// <summary>Whether something stood in the region of a slot or second slot: else it is not worth a look.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsTouched(uint* slot) => *RegionOf(slot) != 0;

    /// <summary>As the other, of a slot, not a second one, in the index with these leaves and tallies.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsTouched(uint* slot, byte* leaves, byte* tallies) => *TallyOf(slot, leaves, tallies) != 0;

    /// <summary>Before something is entered in a second slot.</summary>
    public bool TryTouchSecond(uint* second)
    {
        byte* region = RegionOf(second);
        return *region != 0 || TouchRegion(region);
    }

    /// <summary>Before something is entered in a second slot that is empty: it counts as used from here on.</summary>
    // Order: one interlocked add before the exchange that fills the slot. A tally is never less than the second slots in use:
    // so who sees none finds nothing there that was entered before.
    public void RaiseSecond(uint* second) => AddToTally(second, 1);

    /// <summary>After a second slot was emptied, or was not filled after all.</summary>
    // Order: one interlocked add after the exchange that emptied the slot; as RaiseSecond.
    public void LowerSecond(uint* second) => AddToTally(second, -1);

    /// <summary>After a record was taken out of a window: lowers the tally if it stood in the second slot itself.</summary>
    public void NoteEmptied(uint* slot, uint* emptied)
    {
        if (emptied == slot + SecondOffset)
        {
            LowerSecond(emptied);
        }
    }

    /// <summary>The entry of a granule in these words of a window's slot and second slot; 0 = none.</summary>
    public uint Pick(uint word, uint second, uint granule)
    {
        if (word != 0 && word >> GranuleShift == granule)
        {
            return word & IndexMask;
        }

        if ((second & ForkBit) != 0)
        {
            // Order: acquires the record; pairs with RecordStore.Link.
            return Volatile.Read(ref Fork(second)[granule]);
        }

        return second >> GranuleShift == granule ? second & IndexMask : 0;
    }

    /// <summary>Whether <see cref="FindOrCreate"/> would have nothing to do but find the slot, for a block smaller than
    /// <see cref="LeastReach"/>, and nothing stands in the second slot; in the index with these leaves and tallies.</summary>
    // Order: pairs with RaiseSecond: a stale record of this very address was counted before its block was handed out.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsPlain(uint* slot, byte* leaves, byte* tallies)
    {
        byte tally = *TallyOf(slot, leaves, tallies);
        return tally == TouchedTally || (tally > TouchedTally && slot[SecondOffset] == 0);
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
        byte* region = RegionOf(slot);
        if (*region == 0 && !TouchRegion(region))
        {
            return null;
        }

        if (byteCount > _header->LargestBlock)
        {
            RaiseLargestBlock(byteCount);
        }

        return slot;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* RegionOf(uint* slot) => _regions + ((nuint)((byte*)slot - _leaves) >> (RegionBits + 2));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* TallyOf(uint* slot, byte* leaves, byte* tallies)
        => tallies + ((nuint)((byte*)slot - leaves) >> (TallyBits + 2));

    // Four tallies are one word; none of them ever passes its limits, so nothing is carried from one to the next.
    private void AddToTally(uint* second, int by)
    {
        nuint at = (nuint)(TallyOf(second - SecondOffset, _leaves, _tallies) - _tallies);
        // Order: see RaiseSecond and LowerSecond.
        Interlocked.Add(ref *(int*)(_tallies + (at & ~(nuint)3)), by << (int)((at & 3) * 8));
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
}
