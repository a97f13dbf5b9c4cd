// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: where records come from and where they go: free lists, slabs, the retired queues.
// Who calls it: RecordStore, with no lock held.
// The one idea: a retired record belongs to the stripe that owns its slab, so producers and consumers on different
// threads do not drift; it waits in a queue ordered by epoch and becomes free when every older guard is gone.
// Safety: list links are record indices below the high-water mark, changed under the stripe's lock.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class RecordStore
{
    // How often a queue that readers hold back asks again, and how much one operation reclaims at most.
    private const uint DrainInterval = 64;
    private const int DrainBatch = 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint Take(RecordStripe* home, ref BlockRecord fresh, bool restored)
    {
        using SpinScope scope = SpinScope.Enter(ref home->Lock);
        uint index = home->FreeHead;
        if (index != 0)
        {
            home->FreeHead = _records[index].Site;
        }
        else if (home->BumpNext != home->BumpEnd)
        {
            index = home->BumpNext++;
        }
        else
        {
            index = Refill(home);
            if (index == 0)
            {
                return 0;
            }
        }

        long byteCount = (long)fresh.BlockByteCount;
        if (restored)
        {
            home->Freed--;
            home->FreedBytes -= byteCount;
            return index;
        }

        if (home->OrdinalNext == home->OrdinalEnd)
        {
            // Order: each batch goes to one stripe.
            home->OrdinalEnd = Interlocked.Add(ref *_nextOrdinal, OrdinalBatch);
            home->OrdinalNext = home->OrdinalEnd - OrdinalBatch;
        }

        fresh.Ordinal = ++home->OrdinalNext;
        home->Allocated++;
        home->AllocatedBytes += byteCount;
        return index;
    }

    // Under the stripe lock; takes the slab lock inside.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private uint Refill(RecordStripe* stripe)
    {
        if (stripe->RetiredHead != 0 && Drain(stripe))
        {
            uint reclaimed = stripe->FreeHead;
            stripe->FreeHead = _records[reclaimed].Site;
            return reclaimed;
        }

        if (!_slabs.TryCarve((byte)(stripe - _stripes), out uint first))
        {
            return 0;
        }

        // Index 0 means "none", so the first slab starts at 1.
        first = Math.Max(first, 1);
        stripe->BumpNext = first + 1;
        stripe->BumpEnd = (first & ~(RecordSlabs.SlabRecordCount - 1)) + RecordSlabs.SlabRecordCount;
        return first;
    }

    // The caller exchanged the index out of the address index: it alone retires the record.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Retire(uint index, long byteCount)
    {
        RecordStripe* owner = Owner(index);
        BlockRecord* record = _records + index;
        // Order: asked after the exchange that unlinked the record; see EpochDomain.
        if (!_epochs.IsQuiet || !RecordStateWord.TryRecycle(ref record->StateWord))
        {
            RetireSlowly(index, byteCount);
            return;
        }

        using SpinScope scope = SpinScope.Enter(ref owner->Lock);
        owner->Freed++;
        owner->FreedBytes += byteCount;
        // Order: the link overwrites a field, so it comes after the state says Empty: a snapshot must not see it in a
        // live record. The lock's exchange stands between the two.
        record->Site = owner->FreeHead;
        owner->FreeHead = index;
        if (owner->RetiredHead != 0)
        {
            Drain(owner);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RetireSlowly(uint index, long byteCount)
    {
        RecordStripe* owner = Owner(index);
        bool isUnpinned = RecordStateWord.Retire(ref _records[index].StateWord);
        using SpinScope scope = SpinScope.Enter(ref owner->Lock);
        owner->Freed++;
        owner->FreedBytes += byteCount;
        if (isUnpinned)
        {
            Enqueue(owner, index);
        }
    }

    // The last pin of a retired record is gone: it waits for the guards under which it could have been looked up.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Bury(uint index)
    {
        RecordStripe* owner = Owner(index);
        using SpinScope scope = SpinScope.Enter(ref owner->Lock);
        Enqueue(owner, index);
    }

    // Under the stripe lock. A retired, unpinned record is read by nobody, so its fields carry the queue:
    // Address = the epoch it was retired in, Site = the next one.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Enqueue(RecordStripe* owner, uint index)
    {
        BlockRecord* record = _records + index;
        record->Address = (nuint)_epochs.CurrentEpoch;
        record->Site = 0;
        if (owner->RetiredHead == 0)
        {
            owner->RetiredHead = index;
        }
        else
        {
            _records[owner->RetiredTail].Site = index;
        }

        owner->RetiredTail = index;
        owner->Retired++;
        if (++owner->SinceDrain >= DrainInterval || _epochs.IsQuiet)
        {
            owner->SinceDrain = 0;
            _epochs.Advance();
            Drain(owner);
        }
    }

    // Under the stripe lock. Moves what no guard can hold any more to the free list; true when anything was moved.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Drain(RecordStripe* stripe)
    {
        ulong oldest = _epochs.OldestGuard();
        bool moved = false;
        for (int i = 0; i < DrainBatch && stripe->RetiredHead != 0; i++)
        {
            uint index = stripe->RetiredHead;
            BlockRecord* record = _records + index;
            if (record->Address >= oldest)
            {
                break;
            }

            stripe->RetiredHead = record->Site;
            stripe->Retired--;
            RecordStateWord.Reclaim(ref record->StateWord);
            record->Site = stripe->FreeHead;
            stripe->FreeHead = index;
            moved = true;
        }

        return moved;
    }

    private RecordStripe* Owner(uint index) => _stripes + _owners[index >> RecordSlabs.SlabShift];
}
