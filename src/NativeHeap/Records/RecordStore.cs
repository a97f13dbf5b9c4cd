// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one table of records: insert, remove, restore, find; the frozen world walks it through FrozenRecords.
// Who calls it: RecordTable (the process's table), tests (their own).
// The one idea: the address index decides who owns a record (compare-exchange on the slot), the state word tells what
// it is, and lists and counters belong to one thread each. A call that meets no reader and no neighbour executes one
// interlocked operation; no step waits for a reader.
// Safety: entries are addressed below the high-water mark; a record is written only by the thread that took it from a
// free list, or by the winner of its slot.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;

namespace NativeLeak.NativeHeap.Records;

/// <summary>
/// Records of live blocks. Every method is legal inside a hook on any thread: no GC memory, no exception.
/// </summary>
internal sealed unsafe partial class RecordStore
{
    /// <summary>One stripe per thread number; stripe 0 serves all threads without one.</summary>
    public const int StripeCount = RecordStateWord.MaximumThreadNumber + 1;

    private const int QueueCount = 16;
    private const ulong NewOrdinal = ulong.MaxValue;

    private readonly IPageSource _pages;
    private readonly RecordSlabs _slabs;
    private readonly PackedRecord* _entries;
    private readonly RecordStripe* _stripes;
    private readonly RecordQueue* _queues;
    private readonly StoreHeader* _header;
    private readonly nuint* _directory;
    private readonly int* _activeReaders;
    private readonly byte* _leaves;
    private readonly byte* _tallies;
    private readonly AddressIndex _aligned;
    private readonly AddressIndex? _odd;
    private readonly EpochDomain _epochs;
    private int _isFull;

    private struct StoreHeader
    {
        public int StripesUsed;
    }

    private RecordStore(IPageSource pages, RecordSlabs slabs, AddressIndex aligned, AddressIndex? odd,
        EpochDomain epochs, nuint stripes)
    {
        _pages = pages;
        _slabs = slabs;
        _entries = slabs.First;
        _directory = aligned.Directory;
        _activeReaders = epochs.Active;
        _leaves = aligned.Leaves;
        _tallies = aligned.Tallies;
        _aligned = aligned;
        _odd = odd;
        _epochs = epochs;
        _stripes = (RecordStripe*)stripes;
        _queues = (RecordQueue*)(_stripes + StripeCount);
        _header = (StoreHeader*)(_queues + QueueCount);
        _stripes->Queue = QueueOf(_stripes);
        _stripes->Mode = RecordStripe.Shared;
    }

    /// <summary>The readers' register of this table.</summary>
    public EpochDomain Epochs => _epochs;

    /// <summary>Where the records are, and how many entries were ever used.</summary>
    public RecordSlabs Slabs => _slabs;

    /// <summary>Whether metadata memory ran out; never reset.</summary>
    // Order: a latch, see SwitchOff.
    public bool IsFull => Volatile.Read(ref _isFull) != 0;

    /// <summary>Creates a table; null when the system refuses the memory.</summary>
    /// <param name="pages">Where all metadata lives.</param>
    /// <param name="countGuards">False builds the broken control of the race tests: reclamation that ignores
    /// readers.</param>
    public static RecordStore? TryCreate(IPageSource pages, bool countGuards = true)
    {
        nuint stripes = pages.AllocatePrivate(StripesByteCount(pages));
        RecordSlabs? slabs = stripes == 0 ? null : RecordSlabs.TryCreate(pages);
        AddressIndex? aligned = slabs is null ? null : AddressIndex.TryCreate(pages, AddressIndex.AlignedShift, slabs.First);
        EpochDomain? epochs = aligned is null ? null : EpochDomain.TryCreate(pages, countGuards);
        if (epochs is null)
        {
            return null;
        }

        // Only foreign C heaps return addresses that are not 16-aligned: a refusal here costs those blocks only.
        AddressIndex? odd = AddressIndex.TryCreate(pages, shift: 0, slabs!.First);
        return new RecordStore(pages, slabs, aligned!, odd, epochs, stripes);
    }

    /// <summary>What the frozen world needs to walk this table.</summary>
    public FrozenRecords Freeze() => new()
    {
        Entries = _entries,
        HighWater = _slabs.HighWater,
        Aligned = _aligned.Freeze(),
        Odd = _odd is { } odd ? odd.Freeze() : default,
    };

    /// <summary>Records a block. False when it could not be recorded; the block itself is unaffected.</summary>
    public bool Insert(nuint address, nuint byteCount, AllocationApi api, BlockFlags flags, uint site)
        => Insert(address, byteCount, api, flags, site, ThreadNumbers.Current);

    /// <summary>As the other, for a caller that knows its thread's number: its own, or 0.</summary>
    public bool Insert(nuint address, nuint byteCount, AllocationApi api, BlockFlags flags, uint site, ushort thread)
        => Insert(Approach(address), address, byteCount, api, flags, site, thread);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool InsertSlowly(
        nuint address, nuint byteCount, AllocationApi api, BlockFlags flags, uint site, ushort thread)
    {
        RecordStripe* home = HomeOf(thread);
        AddressIndex? index = IndexOf(address);
        uint* slot = index is null ? null : index.FindOrCreate(address, byteCount);
        // Order: a latch, see SwitchOff.
        if (slot == null || Volatile.Read(ref _isFull) != 0)
        {
            return Refuse(home, address, slot != null);
        }

        return Place(index!, slot, index!.GranuleOf(address), byteCount, api, flags, site, NewOrdinal, thread, home, false);
    }

    /// <summary>
    /// Puts back a record that <see cref="TryRemove"/> took out, unchanged: the free did not happen after all.
    /// </summary>
    public bool Restore(in BlockRecord removed) => Enter(in removed, isRestored: true);

    /// <summary>
    /// Takes out the record of a block. Of any number of simultaneous calls for one block exactly one wins.
    /// </summary>
    public bool TryRemove(nuint address, out BlockRecord removed)
    {
        uint entry = Unlink(address);
        if (entry == 0)
        {
            removed = default;
            return false;
        }

        removed = Decode(entry, address);
        Retire(HomeOf(ThreadNumbers.Current), entry, removed.BlockByteCount);
        return true;
    }

    /// <summary>Finds and pins the record of the block that starts at <paramref name="address"/>.</summary>
    public bool TryFind(in EpochGuard guard, nuint address, out RecordHandle found)
    {
        guard.AssertProtects(_epochs);
        return TryPin(in guard, EntryAt(address), address, out found);
    }

    /// <summary>
    /// Finds and pins the record of the block that contains <paramref name="address"/> (any byte of it).
    /// </summary>
    public bool TryFindInterior(in EpochGuard guard, nuint address, out RecordHandle found)
    {
        guard.AssertProtects(_epochs);
        return TryFindInterior(in guard, _aligned, address, out found)
            || (_odd is { } odd && TryFindInterior(in guard, odd, address, out found));
    }

    /// <summary>
    /// Finds and pins the live record with the lowest address from <paramref name="address"/>, which moves there, to before
    /// <paramref name="end"/>.
    /// </summary>
    public bool TryFindNext(scoped in EpochGuard guard, scoped ref nuint address, nuint end, out RecordHandle found)
    {
        guard.AssertProtects(_epochs);
        for (nuint from = address; from < end; from++)
        {
            nuint odd = from;
            uint oddEntry = 0;
            bool isAligned = _aligned.TryNext(ref from, end, out uint entry);
            bool isOdd = _odd is { } map && map.TryNext(ref odd, isAligned ? from : end, out oddEntry);
            if (!isAligned && !isOdd)
            {
                break;
            }

            from = isOdd ? odd : from;
            if (TryPin(in guard, isOdd ? oddEntry : entry, from, out found))
            {
                address = from;
                return true;
            }

            // Freed between the two steps: the next one.
        }

        found = default;
        return false;
    }

    /// <summary>Sums the counters of all stripes.</summary>
    public RecordCounters ReadCounters()
    {
        long allocated = 0, allocatedBytes = 0, freed = 0, freedBytes = 0;
        long unknown = 0, replaced = 0, dropped = 0, garbage = 0;
        // Order: a stripe is counted in before it counts; pairs with OpenSlowly.
        int stripes = Math.Max(Volatile.Read(ref _header->StripesUsed), 1);
        for (int i = 0; i < stripes; i++)
        {
            // Order: volatile so that each figure is read once; the sum is a statistic, not a snapshot.
            RecordStripe* stripe = _stripes + i;
            allocated += Volatile.Read(ref stripe->Allocated);
            allocatedBytes += Volatile.Read(ref stripe->AllocatedBytes);
            freed += Volatile.Read(ref stripe->Freed);
            freedBytes += Volatile.Read(ref stripe->FreedBytes);
            unknown += Volatile.Read(ref stripe->UnknownFrees);
            // Order: as above.
            replaced += Volatile.Read(ref stripe->Replaced);
            dropped += Volatile.Read(ref stripe->Dropped);
        }

        for (int i = 0; i < QueueCount; i++)
        {
            // Order: as above.
            garbage += Volatile.Read(ref (_queues + i)->Count);
        }

        nuint metadata = _slabs.UsedByteCount + _aligned.TouchedByteCount
            + (_odd?.TouchedByteCount ?? 0);
        return new RecordCounters(allocated, allocatedBytes, freed, allocated - freed, allocatedBytes - freedBytes,
            unknown, replaced, dropped, garbage, metadata, IsFull);
    }

    /// <summary>The record with this index, pinned or owned by the caller.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal BlockRecord Decode(uint entry, nuint address)
    {
        PackedRecord* record = _entries + entry;
        BlockRecord decoded;
        decoded.Address = address;
        decoded.BlockByteCount = PackedRecord.ReadByteCount(record, _entries);
        decoded.Ordinal = record->Ordinal;
        decoded.Site = record->Site;
        uint word = record->StateWord;
        decoded.ThreadNumber = RecordStateWord.Thread(word);
        decoded.Api = RecordStateWord.Api(word);
        decoded.Flags = RecordStateWord.Flags(word);
        return decoded;
    }

    /// <summary>Whether the pinned record is live.</summary>
    // Order: a moment's answer.
    internal bool IsLive(uint entry)
        => (Volatile.Read(ref _entries[entry].StateWord) & RecordStateWord.StateMask) == (uint)RecordState.Live;

    /// <summary>Drops one pin.</summary>
    internal void Unpin(uint entry)
    {
        if (RecordStateWord.Unpin(ref _entries[entry].StateWord))
        {
            Bury(entry);
        }
    }

    private static nuint StripesByteCount(IPageSource pages)
        => ((StripeCount * RecordStripe.ByteCount) + (QueueCount * RecordQueue.ByteCount) + (nuint)sizeof(StoreHeader)
            + pages.PageByteCount - 1) & ~(pages.PageByteCount - 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private RecordStripe* HomeOf(ushort thread) => _stripes + (thread & (StripeCount - 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private AddressIndex? IndexOf(nuint address) => (address & 15) == 0 ? _aligned : _odd;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint* Fork(uint word) => (uint*)(_entries + (word & AddressIndex.IndexMask));

    // Takes the block's entry out of its slot and makes the caller its owner; 0 when there is none.
    private uint Unlink(nuint address)
    {
        AddressIndex? index = IndexOf(address);
        uint* slot = index is null ? null : index.Find(address);
        if (slot == null || !index!.IsTouched(slot))
        {
            return 0;
        }

        uint granule = index.GranuleOf(address);
        while (true)
        {
            // Order: the plain look first keeps unknown addresses from dirtying index pages; the compare-exchange decides.
            uint seen = Volatile.Read(ref *slot);
            uint* at = slot;
            if (seen == 0 || seen >> AddressIndex.GranuleShift != granule)
            {
                at = slot + AddressIndex.SecondOffset;
                // Order: as above.
                seen = index.IsTouched(at) ? Volatile.Read(ref *at) : 0;
                if ((seen & AddressIndex.ForkBit) != 0)
                {
                    at = Fork(seen) + granule;
                    // Order: as above.
                    seen = Volatile.Read(ref *at);
                }
                else if (seen >> AddressIndex.GranuleShift != granule)
                {
                    return 0;
                }
            }

            uint entry = seen & AddressIndex.IndexMask;
            if (entry == 0)
            {
                return 0;
            }

            // Order: the compare-exchange is the linearisation point of a free and the full fence that comes before the
            // question whether readers are announced (EpochDomain.IsQuiet); pairs with EpochDomain.Enter.
            if (Interlocked.CompareExchange(ref *at, 0, seen) == seen)
            {
                index.NoteEmptied(slot, at);
                return entry;
            }

            // The second slot became a fork, or another free won: look again.
        }
    }

    // The entry of the block that starts at an address, as it is at this moment; 0 when there is none.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint EntryAt(nuint address)
    {
        AddressIndex? index = IndexOf(address);
        uint* slot = index is null ? null : index.Find(address);
        if (slot == null || !index!.IsTouched(slot))
        {
            return 0;
        }

        uint* second = slot + AddressIndex.SecondOffset;
        // Order: acquires the record that the compare-exchange in Link published.
        uint word = Volatile.Read(ref *slot);
        return index.Pick(word, index.IsTouched(second) ? Volatile.Read(ref *second) : 0, index.GranuleOf(address));
    }

    private bool TryPin(scoped in EpochGuard guard, uint entry, nuint address, out RecordHandle found)
    {
        if (entry != 0)
        {
            TestHookBeforePin?.Invoke();
            if (RecordStateWord.TryPin(ref _entries[entry].StateWord))
            {
                found = new RecordHandle(this, entry, address);
                // See EpochGuard.IsRevoked. A pinned record that still stands in its slot is the block's, whatever its entry
                // was used for in between. It was never a fork: those are made of entries that were never records.
                if (!guard.IsRevoked || EntryAt(address) == entry)
                {
                    return true;
                }

                found.Dispose();
            }
        }

        found = default;
        return false;
    }

    private bool TryFindInterior(scoped in EpochGuard guard, AddressIndex map, nuint address, out RecordHandle found)
    {
        // Blocks do not overlap, so the nearest start decides, except where native code freed blocks behind our back
        // and a larger one was carved over them: then look past a few.
        const int MaximumStale = 64;
        nuint at = address;
        nuint floor = map.Floor(address);
        for (int seen = 0; seen < MaximumStale && map.TryPrevious(ref at, floor, out uint entry); seen++)
        {
            if (TryPin(in guard, entry, at, out RecordHandle candidate))
            {
                if (address - at < Math.Max(candidate.Record.BlockByteCount, 1))
                {
                    found = candidate;
                    return true;
                }

                candidate.Dispose();
            }

            if (at == 0)
            {
                break;
            }

            at--;
        }

        found = default;
        return false;
    }
}
