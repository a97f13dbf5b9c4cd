// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: freed blocks that the C heap does not get back yet, filled with a pattern, oldest first.
// Who calls it: FreeGate holds blocks here; allocations that fail flush it; reports verify it.
// The one idea: while a block is here its address belongs to nobody, so a second free of it is certain to be a mistake,
// and so is every byte that is not the pattern. AddressSanitizer's quarantine, with one list instead of one per thread:
// this level is for finding mistakes, not for speed.
// Safety: the tables are one allocation of ours, never given back; a held block is readable until it is released, and
// is released only by who took its entry out, while no verifier has it pinned.
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>The quarantine. Thread-safe; one spin lock, never held while filling, verifying or calling the C heap.</summary>
internal static unsafe class Quarantine
{
    /// <summary>Blocks it can hold, whatever their size.</summary>
    public const int Capacity = 1 << 17;

    /// <summary>The largest block it takes is this part of the whole.</summary>
    public const int ShareOfOneBlock = 4;

    private const int BucketCount = 1 << 17;
    private const int OverheadByteCount = 16; // the C heap's header counts: empty blocks must not be free of charge
    private const int MaximumReleased = 32;

    private static Entry* s_entries;
    private static int* s_buckets;
    private static nuint s_limit;
    private static nuint s_byteCount;
    private static uint s_head; // oldest
    private static uint s_tail; // next to write; both grow for ever and wrap
    private static uint s_pinned;
    private static bool s_isPinned;
    private static int s_lock; // "quarantine" in docs/design/locking.md: a leaf
    private static int s_verifier;

    private struct Entry
    {
        public nuint Address;
        public nuint ByteCount;
        public uint Site;
        public uint FreeSite;
        public int Next; // in its bucket: index + 1
        public ushort Birth;
        public AllocationApi Api;
        public bool IsDamageKnown;
    }

    /// <summary>Bytes held now.</summary>
    // Order: a statistic.
    public static nuint ByteCount => Volatile.Read(ref s_byteCount);

    /// <summary>Blocks held now.</summary>
    // Order: a statistic.
    public static uint BlockCount => Volatile.Read(ref s_tail) - Volatile.Read(ref s_head);

    /// <summary>Whether blocks were ever held: some may be on their way out still.</summary>
    public static bool HasHeld => s_entries != null;

    /// <summary>Whether blocks are held.</summary>
    public static bool IsOn => s_limit != 0;

    /// <summary>Sets how many bytes may be held; 0 holds none. False when there is no memory for its table.</summary>
    public static bool Configure(nuint limit, IPageSource pages)
    {
        if (limit != 0 && s_entries == null)
        {
            nuint entries = pages.AllocatePrivate((nuint)(Capacity * sizeof(Entry)));
            nuint buckets = entries == 0 ? 0 : pages.AllocatePrivate((nuint)BucketCount * sizeof(int));
            if (buckets == 0)
            {
                if (entries != 0)
                {
                    pages.Release(entries, (nuint)(Capacity * sizeof(Entry)));
                }

                return false;
            }

            s_buckets = (int*)buckets;
            s_entries = (Entry*)entries;
        }

        s_limit = limit;
        return true;
    }

    /// <summary>Fills a block and keeps it. False: it does not fit, and the caller still owns it.</summary>
    public static bool TryHold(void* block, in FreeTicket ticket)
    {
        if (ticket.ByteCount > s_limit / ShareOfOneBlock)
        {
            return false;
        }

        PoisonPattern.FillFreed(block, ticket.ByteCount);
        bool isHeld;
        using (SpinScope scope = SpinScope.Enter(ref s_lock))
        {
            isHeld = s_tail - s_head < Capacity;
            if (isHeld)
            {
                Append((nuint)block, in ticket);
            }
        }

        // The block is in the list now, or stays its caller's: the ring may name others.
        ReleaseOldest(ticket.Ring, s_limit, MaximumReleased);
        return isHeld;
    }

    /// <summary>Finds a held block by its start.</summary>
    public static bool TryFind(nuint address, out FreedBlock found)
    {
        found = default;
        if (s_entries == null)
        {
            return false;
        }

        using SpinScope scope = SpinScope.Enter(ref s_lock);
        for (int at = s_buckets[Bucket(address)]; at != 0; at = s_entries[at - 1].Next)
        {
            Entry* entry = s_entries + (at - 1);
            if (entry->Address == address)
            {
                found = new FreedBlock(
                    address, entry->ByteCount, entry->Site, entry->FreeSite, entry->Birth, entry->Api);
                return true;
            }
        }

        return false;
    }

    /// <summary>Verifies all held blocks and gives them back: memory was refused to somebody.</summary>
    /// <returns>Whether there were any.</returns>
    public static bool Flush()
    {
        if (s_entries == null)
        {
            return false;
        }

        FreeRing* ring = RecentFrees.Current;
        nuint outer = ring->InFlight;
        bool hadAny = ReleaseOldest(ring, 0, Capacity);
        // Order: release; as in FreeGate.Leave.
        Volatile.Write(ref ring->InFlight, outer);
        return hadAny;
    }

    /// <summary>Verifies every block that is held now; damage goes to the log. On the thread that reports.</summary>
    public static void Verify()
    {
        // Order: one verifier at a time, since there is one pin; a second has nothing to add.
        if (s_entries == null || Interlocked.Exchange(ref s_verifier, 1) != 0)
        {
            return;
        }

        uint at;
        uint end;
        using (SpinScope scope = SpinScope.Enter(ref s_lock))
        {
            (at, end) = (s_head, s_tail);
        }

        while (TryPin(ref at, end, out Entry* entry))
        {
            nuint offset = PoisonPattern.FindDifference((void*)entry->Address, entry->ByteCount);
            if (offset < entry->ByteCount && !entry->IsDamageKnown)
            {
                entry->IsDamageKnown = true; // pinned: nobody else touches the entry
                Report(entry, offset);
            }

            at++;
        }

        // Order: the pin is gone; pairs with the exchange above.
        Volatile.Write(ref s_verifier, 0);
    }

    // Moves the pin to the next entry that is still held; takes it away when there is none.
    private static bool TryPin(ref uint at, uint end, out Entry* entry)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        at = (int)(at - s_head) < 0 ? s_head : at;
        s_isPinned = (int)(at - end) < 0;
        s_pinned = at;
        entry = s_entries + (at % Capacity);
        return s_isPinned;
    }

    // Gives blocks back until no more than the limit are held, or the count is reached.
    private static bool ReleaseOldest(FreeRing* ring, nuint limit, int maximumCount)
    {
        int count = 0;
        while (count < maximumCount && TryTakeOldest(ring, limit, out Entry entry))
        {
            nuint offset = PoisonPattern.FindDifference((void*)entry.Address, entry.ByteCount);
            if (offset < entry.ByteCount && !entry.IsDamageKnown)
            {
                Report(&entry, offset);
            }

            FreeTicket freed = new()
            {
                ByteCount = entry.ByteCount,
                Site = entry.Site,
                FreeSite = entry.FreeSite,
                Birth = entry.Birth,
                Api = entry.Api,
            };
            FreeRing.Add(ring, entry.Address, in freed);
            CHeap.Free((void*)entry.Address, entry.ByteCount);
            count++;
        }

        return count > 0;
    }

    // Stops at a pinned entry: the quarantine is then a little too large for a moment.
    private static bool TryTakeOldest(FreeRing* ring, nuint limit, out Entry taken)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        bool isFull = s_byteCount > limit || s_tail - s_head == Capacity;
        if (s_head == s_tail || !isFull || (s_isPinned && s_pinned == s_head))
        {
            taken = default;
            return false;
        }

        int index = (int)(s_head % Capacity);
        Entry* oldest = s_entries + index;
        int* link = s_buckets + Bucket(oldest->Address);
        while (*link != index + 1)
        {
            link = &s_entries[*link - 1].Next;
        }

        // Order: in flight before it leaves the list (the lock's release is behind it): whoever does not find it here
        // finds it there; pairs with the order of looks in FreeJudge.
        Volatile.Write(ref ring->InFlight, oldest->Address | FreeRing.InHeap);
        *link = oldest->Next;
        s_byteCount -= Charge(oldest->ByteCount);
        s_head++;
        taken = *oldest;
        return true;
    }

    // Under the lock.
    private static void Append(nuint address, in FreeTicket ticket)
    {
        int index = (int)(s_tail % Capacity);
        int* bucket = s_buckets + Bucket(address);
        s_entries[index] = new Entry
        {
            Address = address,
            ByteCount = ticket.ByteCount,
            Site = ticket.Site,
            FreeSite = ticket.FreeSite,
            Birth = ticket.Birth,
            Api = ticket.Api,
            Next = *bucket,
        };
        *bucket = index + 1;
        s_byteCount += Charge(ticket.ByteCount);
        s_tail++;
    }

    private static void Report(Entry* entry, nuint offset)
        => MisuseLog.Add(PoisonPattern.Describe(
            (void*)entry->Address, entry->ByteCount, offset, entry->Site, entry->FreeSite, entry->Api));

    private static nuint Charge(nuint byteCount) => byteCount + OverheadByteCount;

    private static int Bucket(nuint address) => (int)(((address >> 4) * 0x9E3779B97F4A7C15UL) >> 47);
}
