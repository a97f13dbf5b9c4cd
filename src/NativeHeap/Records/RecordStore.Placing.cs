// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how a record gets into its slot, and what happens to stale records in its way.
// Who calls it: RecordStore.Insert, Restore and FreePart.
// The one idea: the record is complete before one compare-exchange shows it; what that exchange pushes out of the slot
// was stale, since the C heap handed its address out again.
// Safety: slots come from the index, entries from this thread's list; a fork is written before it is shown and is never
// given back.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class RecordStore
{
    /// <summary>
    /// Takes <paramref name="byteCount"/> bytes out of the block around them (kmemleak_free_part): its record is
    /// replaced by records of what is left before and behind. They keep site, ordinal, birth and thread.
    /// </summary>
    /// <returns>False when no block contains <paramref name="address"/>, or somebody frees it at this moment.</returns>
    public bool FreePart(nuint address, nuint byteCount)
    {
        BlockRecord whole;
        using (Reclamation.EpochGuard guard = _epochs.Enter())
        {
            if (!TryFindInterior(in guard, address, out RecordHandle found))
            {
                return false;
            }

            whole = found.Record;
            found.Dispose();
        }

        nuint end = whole.Address + whole.BlockByteCount;
        nuint cut = Math.Min(byteCount, end - address);
        if (!TryRemove(whole.Address, out BlockRecord removed))
        {
            return false;
        }

        if (removed.Ordinal != whole.Ordinal || removed.BlockByteCount != whole.BlockByteCount)
        {
            // Another block by now.
            Restore(in removed);
            return false;
        }

        bool isKept = true;
        if (address > whole.Address)
        {
            BlockRecord before = whole;
            before.BlockByteCount = address - whole.Address;
            isKept &= Enter(in before, isRestored: false);
        }

        if (address + cut < end)
        {
            BlockRecord behind = whole;
            behind.Address = address + cut;
            behind.BlockByteCount = end - behind.Address;
            // The length prefix of a BSTR is at the start.
            behind.Flags &= ~BlockFlags.BstrPrefixed;
            isKept &= Enter(in behind, isRestored: false);
        }

        return isKept;
    }

    // Enters a record that has its ordinal already.
    private bool Enter(in BlockRecord record, bool isRestored)
    {
        ushort current = ThreadNumbers.Current;
        RecordStripe* home = HomeOf(current);
        AddressIndex? index = IndexOf(record.Address);
        uint* slot = index is null ? null : index.FindOrCreate(record.Address, record.BlockByteCount);
        // Order: a latch, see SwitchOff.
        if (slot == null || Volatile.Read(ref _isFull) != 0)
        {
            return Refuse(home, record.Address, slot != null);
        }

        return Place(index!, slot, index!.GranuleOf(record.Address), record.BlockByteCount, record.Api, record.Flags, record.Site,
            record.Ordinal, record.ThreadNumber, home, isRestored);
    }

    // The record names one thread (the allocating one, for ever); the stripe is that of the current one.
    private bool Place(AddressIndex index, uint* slot, uint granule, nuint byteCount, AllocationApi api, BlockFlags flags, uint site,
        ulong ordinal, ushort thread, RecordStripe* home, bool isRestored)
    {
        bool isShared = Open(home);
        uint stale = 0;
        uint entry = Take(home);
        uint size = (uint)byteCount;
        bool isPlaced = entry != 0
            && (byteCount < PackedRecord.LargeByteCount || TryTakeSizeEntry(home, entry, byteCount, out size));
        if (isPlaced)
        {
            PackedRecord* record = _entries + entry;
            PackedRecord.Fill(record, size, site, ordinal == NewOrdinal ? NextOrdinal(home, CoarseClock.NowTicks) : ordinal);
            RecordStateWord.Publish(ref record->StateWord, api, flags, thread);
            isPlaced = Link(index, slot, granule, entry, home, out stale);
        }

        if (isPlaced)
        {
            home->Allocated += isRestored ? 0 : 1;
            home->AllocatedBytes += isRestored ? 0 : (long)byteCount;
            home->Freed -= isRestored ? 1 : 0;
            home->FreedBytes -= isRestored ? (long)byteCount : 0;
        }

        Close(home, isShared);
        if (stale != 0)
        {
            RetireStale(home, stale);
        }

        return isPlaced || SwitchOff(home, isOutOfRange: false);
    }

    // Into the slot, if nothing else stands there, else into the second one. In the way may be a stale record at this
    // very address, wherever it stands. False: no memory for a fork; the entry is then retired.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Link(
        AddressIndex index, uint* slot, uint granule, uint entry, RecordStripe* home, out uint stale)
    {
        uint own = entry | (granule << AddressIndex.GranuleShift);
        uint* second = slot + AddressIndex.SecondOffset;
        while (true)
        {
            // Order: what is read is decided by the exchange; acquires a fork's contents.
            uint seen = Volatile.Read(ref *slot);
            uint beside = index.IsTouched(second) ? Volatile.Read(ref *second) : 0;
            bool isStale = seen != 0 && seen >> AddressIndex.GranuleShift == granule;
            if (!isStale && (seen != 0 || index.Pick(0, beside, granule) != 0))
            {
                if (!index.TryTouchSecond(second))
                {
                    Withdraw(home, entry);
                    stale = 0;
                    return false;
                }

                return LinkSecond(index, second, granule, entry, home, out stale);
            }

            // Order: releases a complete, live record; pairs with the reads in TryFind, Unlink and of the frozen world. A
            // stale record goes and ours comes at one instant.
            if (Interlocked.CompareExchange(ref *slot, own, seen) == seen)
            {
                stale = seen & AddressIndex.IndexMask;
                return true;
            }
        }
    }

    // The granule is ours alone: the C heap gave us the address. So nobody else enters a record for it, here or in the slot.
    private bool LinkSecond(AddressIndex index, uint* second, uint granule, uint entry, RecordStripe* home, out uint stale)
    {
        // Counted before it is filled; what stands there already was counted by whoever filled it.
        index.RaiseSecond(second);
        bool isLinked = LinkSecond(second, granule, entry, home, out stale, out bool wasEmpty);
        if (!wasEmpty)
        {
            index.LowerSecond(second);
        }

        return isLinked;
    }

    private bool LinkSecond(uint* second, uint granule, uint entry, RecordStripe* home, out uint stale, out bool wasEmpty)
    {
        uint own = entry | (granule << AddressIndex.GranuleShift);
        uint fork = 0;
        wasEmpty = false;
        while (true)
        {
            // Order: acquires a fork's contents; what is written below is decided by an exchange.
            uint seen = Volatile.Read(ref *second);
            if ((seen & AddressIndex.ForkBit) != 0)
            {
                GiveBack(home, fork);
                // Order: publishes the record and decides who retires the stale one, if any.
                stale = Interlocked.Exchange(ref Fork(seen)[granule], entry);
                return true;
            }

            if (seen == 0 || seen >> AddressIndex.GranuleShift == granule)
            {
                // Order: as above. The stale record goes and ours comes at one instant.
                if (Interlocked.CompareExchange(ref *second, own, seen) == seen)
                {
                    GiveBack(home, fork);
                    wasEmpty = seen == 0;
                    stale = seen & AddressIndex.IndexMask;
                    return true;
                }

                continue;
            }

            fork = fork != 0 ? fork : TakeFresh(home);
            if (fork == 0)
            {
                Withdraw(home, entry);
                stale = 0;
                return false;
            }

            _entries[fork] = default;
            uint* sub = (uint*)(_entries + fork);
            sub[seen >> AddressIndex.GranuleShift] = seen & AddressIndex.IndexMask;
            sub[granule] = entry;
            // Order: publishes the complete fork, our record in it. Fails when the other block was freed in between.
            if (Interlocked.CompareExchange(ref *second, fork | AddressIndex.ForkBit, seen) == seen)
            {
                home->Forks++;
                stale = 0;
                return true;
            }
        }
    }

    private void RetireStale(RecordStripe* home, uint stale)
    {
        Retire(home, stale, PackedRecord.ReadByteCount(_entries + stale, _entries));
        bool isShared = Open(home);
        home->Replaced++;
        Close(home, isShared);
    }

    // Not recorded: switched off before, no leaf, or an address that no index covers.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Refuse(RecordStripe* home, nuint address, bool hasSlot)
    {
        bool isOutOfRange = hasSlot || address >> AddressIndex.AddressBits != 0 || ((address & 15) != 0 && _odd is null);
        return SwitchOff(home, isOutOfRange);
    }

    // kmemleak's way: the first refusal ends recording for good, since a table with holes would report nonsense; frees
    // go on.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool SwitchOff(RecordStripe* home, bool isOutOfRange)
    {
        if (!isOutOfRange)
        {
            // Order: a latch, set once and only read; late readers record one block more.
            Volatile.Write(ref _isFull, 1);
        }

        bool isShared = Open(home);
        home->Dropped++;
        Close(home, isShared);
        return false;
    }
}
