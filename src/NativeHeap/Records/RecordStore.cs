// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one table of records: insert, remove, find; the frozen world enumerates it through RecordSlabs.
// Who calls it: RecordTable (the process's table), tests (their own).
// The one idea: the address index decides who owns a record (exchange on the slot), the state word tells what it is,
// the stripe lock guards only lists and counters. No step waits for a reader.
// Safety: records are addressed below the high-water mark; a record is written only by the thread that took it from a
// free list, or by the winner of an exchange.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;

namespace NativeLeak.NativeHeap.Records;

/// <summary>
/// Records of live blocks. Every method is legal inside a hook on any thread: no GC memory, no exception.
/// </summary>
internal sealed unsafe partial class RecordStore
{
    /// <summary>Stripes: more than the threads that usually allocate at the same time.</summary>
    public const int StripeCount = 64;

    // Ordinals are taken from the process-wide counter in batches, so that the counter's line is not shared per
    // allocation: exact order within a thread, order to within a batch between threads.
    private const uint OrdinalBatch = 64;

    private readonly RecordSlabs _slabs;
    private readonly BlockRecord* _records;
    private readonly byte* _owners;
    private readonly RecordStripe* _stripes;
    private readonly uint* _nextOrdinal;
    private readonly AddressIndex _aligned;
    private readonly AddressIndex? _odd;
    private readonly EpochDomain _epochs;
    private int _isFull;

    private RecordStore(RecordSlabs slabs, AddressIndex aligned, AddressIndex? odd, EpochDomain epochs, nuint stripes)
    {
        _slabs = slabs;
        _records = slabs.First;
        _owners = slabs.Owners;
        _aligned = aligned;
        _odd = odd;
        _epochs = epochs;
        _stripes = (RecordStripe*)stripes;
        _nextOrdinal = (uint*)(_stripes + StripeCount);
    }

    /// <summary>The readers' register of this table.</summary>
    public EpochDomain Epochs => _epochs;

    /// <summary>Where the records are, and how many were ever used.</summary>
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
        nuint byteCount = ((StripeCount + 1) * RecordStripe.ByteCount) + pages.PageByteCount - 1;
        byteCount &= ~(pages.PageByteCount - 1);
        nuint stripes = pages.AllocatePrivate(byteCount);
        RecordSlabs? slabs = stripes == 0 ? null : RecordSlabs.TryCreate(pages);
        AddressIndex? aligned = slabs is null ? null : AddressIndex.TryCreate(pages, shift: 4);
        EpochDomain? epochs = aligned is null ? null : EpochDomain.TryCreate(pages, countGuards);
        if (epochs is null)
        {
            return null;
        }

        // Only foreign C heaps return addresses that are not 16-aligned: a refusal here costs those blocks only.
        return new RecordStore(slabs!, aligned!, AddressIndex.TryCreate(pages, shift: 0), epochs, stripes);
    }

    /// <summary>Records a block. False when it could not be recorded; the block itself is unaffected.</summary>
    public bool Insert(nuint address, nuint byteCount, AllocationApi api, BlockFlags flags, uint site)
        => Insert(address, byteCount, api, flags, site, ThreadNumbers.Current);

    /// <summary>As the other, for a caller that knows its thread's number.</summary>
    public bool Insert(nuint address, nuint byteCount, AllocationApi api, BlockFlags flags, uint site, ushort thread)
    {
        BlockRecord fresh;
        Unsafe.SkipInit(out fresh);
        fresh.Address = address;
        fresh.SizeApiFlags = BlockRecord.Pack(byteCount, api, flags);
        fresh.Site = site;
        fresh.BirthTick = CoarseClock.NowTicks;
        return Place(ref fresh, thread, thread, restored: false);
    }

    /// <summary>
    /// Puts back a record that <see cref="TryRemove"/> took out, unchanged: the free did not happen after all.
    /// </summary>
    public bool Restore(in BlockRecord removed)
    {
        BlockRecord again = removed;
        return Place(ref again, removed.ThreadNumber, ThreadNumbers.Current, restored: true);
    }

    /// <summary>
    /// Takes out the record of a block. Of any number of simultaneous calls for one block exactly one wins.
    /// </summary>
    public bool TryRemove(nuint address, out BlockRecord removed)
    {
        uint* slot = FindSlot(address);
        // Order: the plain look first keeps unknown addresses from dirtying index pages; the exchange decides.
        uint seen = slot == null ? 0 : *slot;
        if (seen != 0)
        {
            // The record's line is fetched while the exchange, which no later load can overtake, waits for the slot's.
            Sse.Prefetch0(_records + seen);
            // Order: the exchange is the linearisation point of a free and the full fence that comes before the
            // question whether readers are announced (EpochDomain.IsQuiet); pairs with EpochDomain.Enter.
            uint index = Interlocked.Exchange(ref *slot, 0);
            if (index != 0)
            {
                removed = _records[index];
                Retire(index, (long)removed.BlockByteCount);
                return true;
            }
        }

        removed = default;
        return false;
    }

    /// <summary>Counts a free of an address without a record.</summary>
    // Order: a statistic; interlocked because it is not under the stripe lock.
    public void CountUnknownFree() => Interlocked.Increment(ref HomeOf(ThreadNumbers.Current)->UnknownFrees);

    /// <summary>Finds and pins the record of the block that starts at <paramref name="address"/>.</summary>
    public bool TryFind(in EpochGuard guard, nuint address, out RecordHandle found)
    {
        guard.AssertProtects(_epochs);
        uint* slot = FindSlot(address);
        // Order: acquires the record the exchange in Place published.
        uint index = slot == null ? 0 : Volatile.Read(ref *slot);
        return TryPin(index, out found);
    }

    /// <summary>
    /// Finds and pins the record of the block that contains <paramref name="address"/> (any byte of it).
    /// </summary>
    public bool TryFindInterior(in EpochGuard guard, nuint address, out RecordHandle found)
    {
        guard.AssertProtects(_epochs);
        return TryFindInterior(_aligned, address, out found)
            || (_odd is { } odd && TryFindInterior(odd, address, out found));
    }

    /// <summary>Sums the counters of all stripes.</summary>
    public RecordCounters ReadCounters()
    {
        long allocated = 0, allocatedBytes = 0, freed = 0, freedBytes = 0;
        long unknown = 0, replaced = 0, dropped = 0, garbage = 0;
        for (int i = 0; i < StripeCount; i++)
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
            garbage += Volatile.Read(ref stripe->Retired);
        }

        nuint metadata = ((nuint)_slabs.HighWater * BlockRecord.ByteCount) + _aligned.TouchedByteCount
            + (_odd?.TouchedByteCount ?? 0);
        return new RecordCounters(allocated, allocatedBytes, freed, allocated - freed, allocatedBytes - freedBytes,
            unknown, replaced, dropped, garbage, metadata, IsFull);
    }

    /// <summary>The record with this index, pinned by the caller.</summary>
    internal ref readonly BlockRecord Read(uint index) => ref _records[index];

    /// <summary>Drops one pin.</summary>
    internal void Unpin(uint index)
    {
        if (RecordStateWord.Unpin(ref _records[index].StateWord))
        {
            Bury(index);
        }
    }

    private RecordStripe* HomeOf(ushort thread) => _stripes + (thread & (StripeCount - 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint* FindSlot(nuint address)
        => (address & 15) == 0 ? _aligned.Find(address) : _odd is { } odd ? odd.Find(address) : null;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint* FindOrCreateSlot(nuint address, nuint byteCount)
        => (address & 15) == 0 ? _aligned.FindOrCreate(address, byteCount)
            : _odd is { } odd ? odd.FindOrCreate(address, byteCount) : null;

    // The record names one thread (the allocating one, for ever); the stripe is that of the current one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Place(ref BlockRecord fresh, ushort thread, ushort current, bool restored)
    {
        nuint address = fresh.Address;
        RecordStripe* home = HomeOf(current);
        // Order: a latch, see SwitchOff.
        if (Volatile.Read(ref _isFull) != 0)
        {
            return Drop(home);
        }

        uint* slot = FindOrCreateSlot(address, fresh.BlockByteCount);
        if (slot == null)
        {
            bool isOutOfRange = address >> AddressIndex.AddressBits != 0 || ((address & 15) != 0 && _odd is null);
            return SwitchOff(home, isOutOfRange);
        }

        // A stale record goes before the new one goes live, so that no snapshot ever sees two live records of one
        // address.
        if (*slot != 0)
        {
            RetireStale(slot, home);
        }

        uint index = Take(home, ref fresh, restored);
        if (index == 0)
        {
            return SwitchOff(home, isOutOfRange: false);
        }

        BlockRecord* record = _records + index;
        record->Address = address;
        record->SizeApiFlags = fresh.SizeApiFlags;
        record->Site = fresh.Site;
        record->Ordinal = fresh.Ordinal;
        record->BirthTick = fresh.BirthTick;
        RecordStateWord.Publish(ref record->StateWord, thread);
        // Order: releases a complete, live record; pairs with the reads in TryFind and TryRemove. A plain store is
        // enough, where removal needs an exchange: until we return, the block is the caller's alone, the slot was seen
        // empty, and nobody but us fills it. (A late free of the address's former block finds it empty or takes our
        // record, and frees our block with it: that program is broken either way.)
        Volatile.Write(ref *slot, index);
        return true;
    }

    private void RetireStale(uint* slot, RecordStripe* home)
    {
        // Order: whoever gets the index owns its retirement (the block's late free may come at the same moment).
        uint stale = Interlocked.Exchange(ref *slot, 0);
        if (stale != 0)
        {
            CountReplaced(stale, home);
        }
    }

    private void CountReplaced(uint stale, RecordStripe* home)
    {
        Retire(stale, (long)_records[stale].BlockByteCount);
        // Order: a statistic outside the lock.
        Interlocked.Increment(ref home->Replaced);
    }

    private bool TryPin(uint index, out RecordHandle found)
    {
        if (index != 0)
        {
            TestHookBeforePin?.Invoke();
            if (RecordStateWord.TryPin(ref _records[index].StateWord))
            {
                found = new RecordHandle(this, index);
                return true;
            }
        }

        found = default;
        return false;
    }

    private bool TryFindInterior(AddressIndex map, nuint address, out RecordHandle found)
    {
        // Blocks do not overlap, so the nearest start decides, except where native code freed blocks behind our back
        // and a larger one was carved over them: then look past a few.
        const int MaximumStale = 64;
        nuint at = address;
        nuint floor = map.Floor(address);
        for (int seen = 0; seen < MaximumStale && map.TryPrevious(ref at, floor, out uint index); seen++)
        {
            if (TryPin(index, out RecordHandle candidate))
            {
                ref readonly BlockRecord record = ref candidate.Record;
                if (address - record.Address < Math.Max(record.BlockByteCount, 1))
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

    private static bool Drop(RecordStripe* home)
    {
        // Order: a statistic outside the lock.
        Interlocked.Increment(ref home->Dropped);
        return false;
    }

    // kmemleak's way: the first refusal ends recording for good, since a table with holes would report nonsense; frees
    // go on.
    private bool SwitchOff(RecordStripe* home, bool isOutOfRange)
    {
        if (!isOutOfRange)
        {
            // Order: a latch, set once and only read; late readers record one block more.
            Volatile.Write(ref _isFull, 1);
        }

        return Drop(home);
    }
}
