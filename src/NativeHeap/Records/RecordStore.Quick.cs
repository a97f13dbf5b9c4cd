// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: insert and remove as they nearly always go: a 16-aligned address in a leaf that exists, a thread with a
// number and free entries of its own, no reader, nothing in the way.
// Who calls it: RecordTable, inlined into every recorded allocation and free.
// The one idea: what is not as usual is noticed before anything was changed and goes to the general methods, so that here
// is one straight line with one interlocked operation; and everything that does not depend on it is loaded before it,
// since no later load can overtake it.
// Safety: as in RecordStore.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class RecordStore
{
    /// <summary>The slot of an address, its cache line under way; null when it must be created or is not aligned.</summary>
    // Safety: a prefetch reads nothing.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint* Approach(nuint address)
    {
        uint* slot = AddressIndex.FindAligned(_directory, address);
        Sse.Prefetch0(slot);
        return slot;
    }

    /// <summary>Records a block. False when it could not be recorded; the block itself is unaffected.</summary>
    /// <param name="slot">What <see cref="Approach"/> answered for <paramref name="address"/>.</param>
    /// <param name="address">Start of the block.</param>
    /// <param name="byteCount">Bytes asked for.</param>
    /// <param name="api">The API.</param>
    /// <param name="flags">Flags of the block.</param>
    /// <param name="site">Site of the block.</param>
    /// <param name="thread">The calling thread's number, or 0.</param>
    public bool Insert(
        uint* slot, nuint address, nuint byteCount, AllocationApi api, BlockFlags flags, uint site, ushort thread)
        => (slot != null && TryInsert(slot, address, byteCount, site, RecordStateWord.Live(api, flags, thread),
                HomeOf(thread), CoarseClock.NowTicks & PackedRecord.BirthMask))
            || InsertSlowly(address, byteCount, api, flags, site, thread);

    /// <summary>Records a block as it nearly always goes. False: nothing was done, ask <see cref="Insert(uint*, nuint, nuint,
    /// AllocationApi, BlockFlags, uint, ushort)"/>.</summary>
    /// <param name="slot">What <see cref="Approach"/> answered for <paramref name="address"/>; not null.</param>
    /// <param name="address">Start of the block.</param>
    /// <param name="byteCount">Bytes asked for.</param>
    /// <param name="site">Site of the block.</param>
    /// <param name="live">The record's state word.</param>
    /// <param name="home">The stripe of the calling thread's number.</param>
    /// <param name="tick">The tick now, as a record keeps it.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryInsert(
        uint* slot, nuint address, nuint byteCount, uint site, uint live, RecordStripe* home, uint tick)
    {
        uint entry = home->FreeHead;
        ulong ordinal = home->LastOrdinal + 1;
        if (entry == 0 || home->Mode != RecordStripe.Owned || byteCount >= AddressIndex.LeastReach
            // Order: a latch, see SwitchOff.
            || !AddressIndex.IsPlain(slot, _leaves, _tallies) || Volatile.Read(ref _isFull) != 0
            || (uint)(ordinal >> PackedRecord.SequenceBits) != tick)
        {
            return false;
        }

        PackedRecord* record = _entries + entry;
        home->FreeHead = record->SizeAndOrdinal;
        home->FreeCount--;
        home->LastOrdinal = ordinal;
        PackedRecord.FillLive(record, (uint)byteCount, site, ordinal, live);
        uint granule = AddressIndex.AlignedGranuleOf(address);
        // Order: releases a complete, live record; pairs with the reads in TryFind, Unlink and of the frozen world. Only a
        // free can have changed the second slot since it was looked at: nobody else enters this address.
        if (Interlocked.CompareExchange(ref *slot, entry | (granule << AddressIndex.GranuleShift), 0) != 0)
        {
            return LinkCounted(slot, granule, entry, byteCount, home);
        }

        home->Allocated++;
        home->AllocatedBytes += (long)byteCount;
        return true;
    }

    /// <summary>Takes out the record of a block, as <see cref="TryRemove(nuint, out BlockRecord)"/>.</summary>
    /// <param name="address">Start of the block.</param>
    /// <param name="thread">The calling thread's number, or 0.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RemovedBlock Remove(nuint address, ushort thread)
    {
        RecordStripe* home = HomeOf(thread);
        uint* slot = AddressIndex.FindAligned(_directory, address);
        // A look at slots that no block paid for would touch their page.
        if (slot == null || !_aligned.IsTouched(slot))
        {
            return RemoveSlowly(address);
        }

        uint granule = AddressIndex.AlignedGranuleOf(address);
        // Order: the plain look first keeps unknown addresses from dirtying index pages; the compare-exchange decides.
        uint seen = Volatile.Read(ref *slot);
        uint entry = seen & AddressIndex.IndexMask;
        PackedRecord* record = _entries + entry;
        // The record's line is fetched while the exchange, which no later load can overtake, waits for the slot's.
        Sse.Prefetch0(record);
        if (seen >> AddressIndex.GranuleShift != granule || entry == 0
            // Order: the compare-exchange is the linearisation point of a free and the full fence that comes before the
            // question whether readers are announced (EpochDomain.IsQuiet); pairs with EpochDomain.Enter.
            || Interlocked.CompareExchange(ref *slot, 0, seen) != seen)
        {
            return RemoveSlowly(address);
        }

        nuint byteCount = PackedRecord.ReadByteCount(record, _entries);
        RemovedBlock removed = new(byteCount, record->Site, record->StateWord, record->Ordinal);
        Retire(home, entry, byteCount);
        return removed;
    }

    /// <summary>
    /// Takes a block's record out of its slot, as it nearly always goes; the caller is its owner and must end that by
    /// <see cref="TryRecycle"/> or <see cref="EndRemoval"/>. False: nothing was done, ask <see cref="Remove"/>.
    /// </summary>
    /// <param name="slot">What <see cref="Approach"/> answered for <paramref name="address"/>; not null.</param>
    /// <param name="address">Start of the block.</param>
    /// <param name="entry">The entry of the record.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake(uint* slot, nuint address, out uint entry)
    {
        entry = 0;
        // A look at slots that no block paid for would touch their page.
        if (!AddressIndex.IsTouched(slot, _leaves, _tallies))
        {
            return false;
        }

        // Order: as in Remove.
        uint seen = Volatile.Read(ref *slot);
        entry = seen & AddressIndex.IndexMask;
        Sse.Prefetch0(_entries + entry);
        // Order: as in Remove.
        return entry != 0 && seen >> AddressIndex.GranuleShift == AddressIndex.AlignedGranuleOf(address)
            && Interlocked.CompareExchange(ref *slot, 0, seen) == seen;
    }

    /// <summary>The record of an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PackedRecord* RecordOf(uint entry) => _entries + entry;

    /// <summary>Puts a record that was taken out back among the free ones, as it nearly always goes. False: nothing was done.
    /// Whatever the caller saw of its pins, they are looked at again here, after the question for readers.</summary>
    /// <param name="home">The calling thread's own stripe.</param>
    /// <param name="entry">What <see cref="TryTake"/> answered.</param>
    /// <param name="byteCount">The block's size. Pre: the record is plain (<see cref="RecordStateWord.IsPlain"/>).</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRecycle(RecordStripe* home, uint entry, uint byteCount)
    {
        uint count = home->FreeCount + 1;
        // Order: EpochDomain.IsQuiet, asked after the exchange that unlinked the record; see there.
        // A reader that was counted then may have pinned the record since, and left: so its pins are read after the count.
        if (Volatile.Read(ref *_activeReaders) != 0 || RecordStateWord.Pins(_entries[entry].StateWord) != 0
            || home->Mode != RecordStripe.Owned || count == RecordSlabs.BatchCount || home->Queue->Head != 0)
        {
            return false;
        }

        home->Freed++;
        home->FreedBytes += byteCount;
        // Empty, and the link of the free list, in one store.
        _entries[entry].SizeAndState = home->FreeHead;
        home->FreeHead = entry;
        home->FreeCount = count;
        return true;
    }

    /// <summary>Ends any removal that <see cref="TryTake"/> began.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public RemovedBlock EndRemoval(uint entry)
    {
        PackedRecord* record = _entries + entry;
        nuint byteCount = PackedRecord.ReadByteCount(record, _entries);
        RemovedBlock removed = new(byteCount, record->Site, record->StateWord, record->Ordinal);
        Retire(HomeOf(ThreadNumbers.Current), entry, byteCount);
        return removed;
    }

    /// <summary>Ends an insertion that found its place taken: the record is filled and live, and no index leads to it.</summary>
    /// <param name="entry">The record's entry, the calling thread's own.</param>
    /// <param name="address">Start of the block, 16-aligned, in a leaf that exists.</param>
    /// <param name="byteCount">Its size.</param>
    public bool EndInsertion(uint entry, nuint address, nuint byteCount)
        => LinkCounted(Approach(address), AddressIndex.AlignedGranuleOf(address), entry, byteCount, HomeOf(ThreadNumbers.Current));

    /// <summary>Where the index of 16-aligned addresses has its parts, for machine code.</summary>
    public void LocateAligned(out nuint* directory, out byte* leaves, out byte* tallies)
        => _aligned.Locate(out directory, out leaves, out tallies);

    /// <summary>Counts a free of an address without a record.</summary>
    public void CountUnknownFree()
    {
        RecordStripe* home = HomeOf(ThreadNumbers.Current);
        bool isShared = Open(home);
        home->UnknownFrees++;
        Close(home, isShared);
    }

    // Something stands where the record belongs.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool LinkCounted(uint* slot, uint granule, uint entry, nuint byteCount, RecordStripe* home)
    {
        if (!Link(_aligned, slot, granule, entry, home, out uint stale))
        {
            // Order: a latch, see SwitchOff, which counts the block when the caller asks the general way.
            Volatile.Write(ref _isFull, 1);
            return false;
        }

        home->Allocated++;
        home->AllocatedBytes += (long)byteCount;
        if (stale != 0)
        {
            RetireStale(home, stale);
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private RemovedBlock RemoveSlowly(nuint address)
    {
        uint entry = Unlink(address);
        return entry == 0 ? RemovedBlock.None : EndRemoval(entry);
    }
}
