// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: where entries come from and where they go: each thread's free list, the pool, the retired queues.
// Who calls it: RecordStore.
// The one idea: a thread keeps up to two batches of free entries of its own and trades whole batches with the pool, so
// producers and consumers on different threads do not drift; only what a reader may hold goes through a queue.
// Safety: list links are entry indices below the high-water mark, changed by the stripe's thread (stripe 0: under its
// lock) or under the queue's lock.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class RecordStore
{
    // How often a queue that readers hold back asks again, and how much one operation reclaims at most.
    private const uint DrainInterval = 64;
    private const int DrainBatch = 128;

    /// <summary>The stripe of the calling thread's number, ready for use; null for 0, which has none of its own.</summary>
    public RecordStripe* OpenStripe(ushort thread)
    {
        RecordStripe* home = HomeOf(thread);
        return thread == 0 || Open(home) ? null : home;
    }

    // Before a stripe is changed. True when Close must unlock it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Open(RecordStripe* home) => home->Mode != RecordStripe.Owned && OpenSlowly(home);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Close(RecordStripe* home, bool isShared)
    {
        if (isShared)
        {
            SpinScope.Release(ref home->Lock, LockRank.Stripe);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool OpenSlowly(RecordStripe* home)
    {
        if (home->Mode == RecordStripe.Shared)
        {
            // Unlocked by Close.
            _ = SpinScope.Enter(ref home->Lock, LockRank.Stripe);
            return true;
        }

        home->Queue = QueueOf(home);
        home->Mode = RecordStripe.Owned;
        int used = (int)(home - _stripes) + 1;
        while (true)
        {
            // Order: only the start of the loop.
            int seen = Volatile.Read(ref _header->StripesUsed);
            // Order: a monotonous maximum; pairs with the reads of those who sum up.
            if (seen >= used)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _header->StripesUsed, used, seen) == seen)
            {
                // A thread's first free or allocation cannot be refused for its 128 bytes, but they count.
                int stripesPerPage = (int)_pages.PageByteCount / RecordStripe.ByteCount;
                _pages.Charge(((used / stripesPerPage) - (seen / stripesPerPage)) * (nint)_pages.PageByteCount);
                return false;
            }
        }
    }

    // Pre: the stripe is open; for all below.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint Take(RecordStripe* home)
    {
        uint entry = home->FreeHead;
        if (entry != 0)
        {
            home->FreeHead = _entries[entry].SizeAndOrdinal;
            home->FreeCount--;
            return entry;
        }

        return TakeSlowly(home);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Put(RecordStripe* home, uint entry)
    {
        _entries[entry].SizeAndOrdinal = home->FreeHead;
        home->FreeHead = entry;
        if (++home->FreeCount == RecordSlabs.BatchCount)
        {
            PutAside(home);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private uint TakeSlowly(RecordStripe* home)
    {
        if (home->SpareHead == 0)
        {
            if (home->BumpNext != home->BumpEnd)
            {
                return home->BumpNext++;
            }

            RecordQueue* queue = QueueOf(home);
            if (queue->Head != 0)
            {
                Drain(home, queue);
                if (home->FreeHead != 0)
                {
                    return Take(home);
                }
            }

            if (home->SpareHead == 0
                && !_slabs.TryTake(out home->SpareHead, out home->BumpNext, out home->BumpEnd))
            {
                return 0;
            }

            if (home->SpareHead == 0)
            {
                return home->BumpNext++;
            }
        }

        home->FreeHead = home->SpareHead;
        home->FreeCount = RecordSlabs.BatchCount;
        home->SpareHead = 0;
        return Take(home);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void PutAside(RecordStripe* home)
    {
        if (home->SpareHead != 0)
        {
            _slabs.Put(home->SpareHead);
        }

        home->SpareHead = home->FreeHead;
        home->FreeHead = 0;
        home->FreeCount = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong NextOrdinal(RecordStripe* home, uint tick)
    {
        ulong next = home->LastOrdinal + 1;
        if ((uint)(next >> PackedRecord.SequenceBits) != (tick & PackedRecord.BirthMask))
        {
            next = FirstOrdinal(home, tick & PackedRecord.BirthMask);
        }

        home->LastOrdinal = next;
        return next;
    }

    // Half a million allocations of one thread in 16 ms: the last ones share a number.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong FirstOrdinal(RecordStripe* home, uint tick)
        => (uint)(home->LastOrdinal >> PackedRecord.SequenceBits) == tick
            ? home->LastOrdinal
            : ((ulong)tick << PackedRecord.SequenceBits) | 1;

    // A block too large for its record's size field. On failure the record's entry is free again.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryTakeSizeEntry(RecordStripe* home, uint entry, nuint byteCount, out uint size)
    {
        uint sizeEntry = Take(home);
        if (sizeEntry == 0)
        {
            Put(home, entry);
            size = 0;
            return false;
        }

        _entries[sizeEntry].SiteAndOrdinal = byteCount;
        _entries[sizeEntry].StateWord = (uint)RecordState.SizeEntry;
        size = (uint)PackedRecord.LargeByteCount | sizeEntry;
        return true;
    }

    // An entry that was never shown.
    private void GiveBack(RecordStripe* home, uint entry)
    {
        if (entry != 0)
        {
            _entries[entry].StateWord = (uint)RecordState.Empty;
            Put(home, entry);
        }
    }

    // A live record that found no place. A revoked reader may be pinning its entry, so it goes the way of all records.
    private void Withdraw(RecordStripe* home, uint entry)
    {
        if (RecordStateWord.Retire(ref _entries[entry].StateWord))
        {
            Enqueue(home, entry);
        }
    }

    // An entry that was never a record, for a fork. A reader whose guard was revoked may try to pin any entry that it once
    // found as a record: in a fork it would pin a sub-slot.
    private uint TakeFresh(RecordStripe* home)
    {
        bool isAny = home->BumpNext != home->BumpEnd || _slabs.TryCarve(out home->BumpNext, out home->BumpEnd);
        return isAny ? home->BumpNext++ : 0;
    }

    // The caller took the entry out of its slot: it alone retires the record.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Retire(RecordStripe* home, uint entry, nuint byteCount)
    {
        PackedRecord* record = _entries + entry;
        // Order: EpochDomain.IsQuiet, asked after the exchange that unlinked the record; see there.
        if (Volatile.Read(ref *_activeReaders) != 0 || byteCount >= PackedRecord.LargeByteCount
            || !RecordStateWord.TryRecycle(ref record->StateWord))
        {
            RetireSlowly(home, entry, byteCount);
            return;
        }

        bool isShared = Open(home);
        home->Freed++;
        home->FreedBytes += (long)byteCount;
        Put(home, entry);
        RecordQueue* queue = home->Queue;
        if (queue->Head != 0)
        {
            Drain(home, queue);
        }

        Close(home, isShared);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RetireSlowly(RecordStripe* home, uint entry, nuint byteCount)
    {
        bool isUnpinned = RecordStateWord.Retire(ref _entries[entry].StateWord);
        bool isShared = Open(home);
        home->Freed++;
        home->FreedBytes += (long)byteCount;
        if (isUnpinned)
        {
            Enqueue(home, entry);
        }

        Close(home, isShared);
    }

    // The last pin of a retired record is gone: it waits for the guards under which it could have been looked up.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Bury(uint entry)
    {
        RecordStripe* home = HomeOf(ThreadNumbers.Current);
        bool isShared = Open(home);
        Enqueue(home, entry);
        Close(home, isShared);
    }

    private RecordQueue* QueueOf(RecordStripe* home) => _queues + (((nuint)((byte*)home - (byte*)_stripes) / RecordStripe.ByteCount) & (QueueCount - 1));

    // A retired, unpinned record is read by nobody, so its fields carry the queue: the first eight bytes the epoch it
    // was retired in, the next four the link. A size entry goes the same way, behind its record.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Enqueue(RecordStripe* home, uint entry)
    {
        RecordQueue* queue = QueueOf(home);
        using (SpinScope scope = SpinScope.Enter(ref queue->Lock, LockRank.Queue))
        {
            uint sizeEntry = _entries[entry].SizeEntry;
            ulong epoch = _epochs.CurrentEpoch;
            Append(queue, entry, epoch);
            if (sizeEntry != 0)
            {
                _entries[sizeEntry].StateWord = (uint)RecordState.Retired;
                Append(queue, sizeEntry, epoch);
            }

            if (++queue->SinceDrain < DrainInterval && !_epochs.IsQuiet)
            {
                return;
            }

            queue->SinceDrain = 0;
        }

        _epochs.Advance();
        Drain(home, queue);
    }

    private void Append(RecordQueue* queue, uint entry, ulong epoch)
    {
        _entries[entry].SiteAndOrdinal = epoch;
        _entries[entry].SizeAndOrdinal = 0;
        if (queue->Head == 0)
        {
            queue->Head = entry;
        }
        else
        {
            _entries[queue->Tail].SizeAndOrdinal = entry;
        }

        queue->Tail = entry;
        queue->Count++;
    }

    // Moves what no guard can hold any more to the stripe's free list.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Drain(RecordStripe* home, RecordQueue* queue)
    {
        using SpinScope scope = SpinScope.Enter(ref queue->Lock, LockRank.Queue);
        ulong oldest = _epochs.OldestGuard((uint)Math.Min(queue->Count, uint.MaxValue));
        for (int i = 0; i < DrainBatch && queue->Head != 0; i++)
        {
            uint entry = queue->Head;
            PackedRecord* record = _entries + entry;
            if (record->SiteAndOrdinal >= oldest)
            {
                break;
            }

            queue->Head = record->SizeAndOrdinal;
            queue->Count--;
            RecordStateWord.Reclaim(ref record->StateWord);
            Put(home, entry);
        }
    }
}
