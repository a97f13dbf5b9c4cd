// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what is done about readers that died inside a guard, or stay there.
// Who calls it: a drain whose queue grows (in a hook, under the queue's lock: no GC memory, no wait); reports.
// The one idea: a dead reader's slot is taken back; a living one is revoked, which it notices after its next pin. Garbage
// is bounded without leaking a record and without making anybody wait.
// Safety: slots are addressed below SlotCount; the memory is never given back.
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Reclamation;

internal sealed unsafe partial class EpochDomain
{
    /// <summary>Retired records in one queue from which on it is asked, now and then, whether a reader died.</summary>
    public const uint InspectAt = 1024;

    /// <summary>Retired records in one queue from which on readers are revoked: 16 queues hold 128 Ki at most.</summary>
    public const uint GarbageLimit = 8192;

    // About a quarter of a second: an inspection costs one system call per announced reader.
    private const uint InspectionTicks = 16;

    /// <summary>What went wrong so far.</summary>
    // Order: statistics.
    public EpochCounters ReadCounters() => new(
        ActiveReaders,
        Volatile.Read(ref _header->DeadReleased),
        Volatile.Read(ref _header->Revocations),
        Volatile.Read(ref _header->Unslotted));

    /// <summary>The readers that have been inside a guard for at least <paramref name="held"/>. Cold.</summary>
    public IReadOnlyList<StalledReader> FindStalled(TimeSpan held)
    {
        List<StalledReader> found = [];
        // Order: a reader that comes later is not stalled.
        int used = Volatile.Read(ref _header->UsedSlots);
        for (int i = 0; i < used; i++)
        {
            ReaderSlot* slot = _slots + i;
            // Order: acquires what the slot says of its reader; pairs with the write in Claim.
            ulong owner = Volatile.Read(ref slot->Owner);
            ulong announcement = Volatile.Read(ref slot->Announcement);
            StalledReader reader = new(slot->ThreadNumber, ReaderThread.ThreadIdOf(owner),
                CoarseClock.Age(slot->EnteredTick), (announcement & ReaderSlot.RevokedBit) != 0);
            // Order: the same owner before and after: what was read between belongs to it, give or take one of its guards.
            if (owner != 0 && announcement != 0 && reader.Held >= held && Volatile.Read(ref slot->Owner) == owner)
            {
                found.Add(reader);
            }
        }

        return found;
    }

    /// <summary>
    /// Takes back the slots of readers whose thread has ended; returns how many. When another thread is at it, 0.
    /// </summary>
    /// <param name="thorough">Also looks whether an owner's thread id was given to a younger thread. Cold: reads files and
    /// makes GC memory, so for reports only.</param>
    public int ReleaseDead(bool thorough = false)
    {
        // Order: one inspector at a time, so that no slot is taken back twice; the release is below.
        if (Interlocked.Exchange(ref _header->Inspecting, 1) != 0)
        {
            return 0;
        }

        int released = 0;
        // Order: a slot beyond belongs to a reader that came later.
        int used = Volatile.Read(ref _header->UsedSlots);
        for (int i = 0; i < used; i++)
        {
            ReaderSlot* slot = _slots + i;
            // Order: acquires what the slot says of its reader; pairs with the write in Claim.
            ulong owner = Volatile.Read(ref slot->Owner);
            if (owner != 0 && IsDead(slot, owner, thorough))
            {
                released += TakeBack(slot, owner) ? 1 : 0;
            }
        }

        // Order: releases the inspection; pairs with the exchange above.
        Volatile.Write(ref _header->Inspecting, 0);
        return released;
    }

    private static bool IsDead(ReaderSlot* slot, ulong owner, bool thorough)
    {
        int threadId = ReaderThread.ThreadIdOf(owner);
        return ThreadLife.HasEnded(threadId)
            || (thorough && ThreadLife.IsYounger(threadId, CoarseClock.Age(slot->EnteredTick)));
    }

    private bool TakeBack(ReaderSlot* slot, ulong owner)
    {
        // Order: looked at again after its thread was found dead. An owner's word is used once and cleared before the slot
        // is given back: if it is still there, the dead thread is inside, and nobody but this inspector changes the slot.
        if (Volatile.Read(ref slot->Owner) != owner)
        {
            return false;
        }

        slot->Depth = 0;
        // Order: as in Exit.
        Volatile.Write(ref slot->Owner, 0);
        Volatile.Write(ref slot->Announcement, 0);
        // Order: as in Exit; the other is a statistic.
        Interlocked.Decrement(ref _header->Active);
        Interlocked.Increment(ref _header->DeadReleased);
        return true;
    }

    // A queue grows. Dead readers are looked for now and then; at the limit they are looked for now, and the living revoked.
    private void Relieve(uint waiting)
    {
        if (waiting < GarbageLimit)
        {
            InspectNowAndThen();
            return;
        }

        ReleaseDead();
        RevokeOlderThan(CurrentEpoch);
    }

    private void InspectNowAndThen()
    {
        uint now = CoarseClock.NowTicks;
        // Order: a hint; two threads that both inspect find one inspector at work.
        if (unchecked(now - Volatile.Read(ref _header->InspectedTick)) >= InspectionTicks)
        {
            // Order: as above.
            Volatile.Write(ref _header->InspectedTick, now);
            ReleaseDead();
        }
    }

    private void RevokeOlderThan(ulong epoch)
    {
        // Order: a slot beyond was claimed after this read and holds back nothing that waits.
        int used = Volatile.Read(ref _header->UsedSlots);
        for (int i = 0; i < used; i++)
        {
            ref ulong word = ref _slots[i].Announcement;
            // Order: only the start; the compare-exchange decides.
            ulong seen = Volatile.Read(ref word);
            bool holdsBack = seen != 0 && (seen & ReaderSlot.RevokedBit) == 0 && ReaderSlot.EpochOf(seen) < epoch;
            // Order: full fence before anything is reused on the strength of it; pairs with IsRevoked. It hits the very
            // guard that was seen, or a later one of the same epoch, which then looks twice without need.
            if (holdsBack && Interlocked.CompareExchange(ref word, seen | ReaderSlot.RevokedBit, seen) == seen)
            {
                Interlocked.Increment(ref _header->Revocations);
            }
        }
    }
}
