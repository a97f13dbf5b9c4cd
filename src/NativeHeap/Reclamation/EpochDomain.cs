// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the clock and the register of readers that decide when a retired record may be used again.
// Who calls it: readers (scanner, reports, hints) enter guards; queues of retired records ask what may be reclaimed.
// The one idea: a reader first announces itself (full fence), then looks; a writer first unlinks (full fence), then
// asks who is announced. So either the reader does not find the record, or the writer finds the reader.
// Epoch-based reclamation after Fraser (2004); the claim of a slot is also its fence, as in FASTER's epoch table; guards
// of one thread nest in one slot, as in crossbeam. docs/design/reclamation.md has the drawing and the argument.
// Safety: the header and SlotCount slots lie in one allocation that is never given back; slot numbers are below SlotCount.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Reclamation;

/// <summary>
/// Epochs over native slots, one per reading thread. Thread-safe; waits for nobody, makes no GC memory after construction.
/// </summary>
internal sealed unsafe partial class EpochDomain
{
    /// <summary>Threads that can be told apart at the same time; more are legal, and are revoked from the start.</summary>
    public const int SlotCount = 256;

    // What a guard holds that has no slot: it found none free, or the domain counts no guards.
    private const int NoSlot = -1;
    private const int NotCounted = -2;

    private static int s_lastNumber;

    private readonly EpochHeader* _header;
    private readonly ReaderSlot* _slots;
    private readonly ulong _number;
    private readonly bool _countGuards;

    private EpochDomain(nuint memory, bool countGuards)
    {
        _header = (EpochHeader*)memory;
        _slots = (ReaderSlot*)(memory + EpochHeader.ByteCount);
        _countGuards = countGuards;
        _header->Epoch = 1;
        // Order: each domain has its own number, so that a thread never takes another domain's slot for its own.
        _number = (ulong)(uint)Interlocked.Increment(ref s_lastNumber) << 32;
    }

    /// <summary>Bytes of native memory one domain takes.</summary>
    public static nuint ByteCount => EpochHeader.ByteCount + (SlotCount * ReaderSlot.ByteCount);

    /// <summary>Creates a domain; null when the page source refuses.</summary>
    /// <param name="pages">Where the slots live.</param>
    /// <param name="countGuards">False makes guards that protect nothing: the broken control of the race tests.</param>
    public static EpochDomain? TryCreate(IPageSource pages, bool countGuards = true)
    {
        nuint byteCount = (ByteCount + pages.PageByteCount - 1) & ~(pages.PageByteCount - 1);
        nuint memory = pages.AllocatePrivate(byteCount);
        return memory == 0 ? null : new EpochDomain(memory, countGuards);
    }

    /// <summary>Threads inside a guard now.</summary>
    // Order: a statistic; decisions use IsQuiet.
    public int ActiveReaders => Volatile.Read(ref _header->Active);

    /// <summary>The word behind <see cref="IsQuiet"/>, for who must ask it in one load.</summary>
    internal int* Active => &_header->Active;

    /// <summary>The epoch now; starts at 1.</summary>
    // Order: a stale epoch is a smaller one: a guard or a stamp made with it only waits longer or is waited for longer.
    public ulong CurrentEpoch => Volatile.Read(ref _header->Epoch);

    /// <summary>
    /// Whether no reader is announced. Pre: the caller has unlinked what it wants to reclaim and executed an interlocked
    /// operation since.
    /// </summary>
    // Order: a volatile read after the caller's interlocked unlink; pairs with the increment in Enter. Without either
    // fence a reader could hold an index that the writer hands out again.
    public bool IsQuiet
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Volatile.Read(ref _header->Active) == 0;
    }

    /// <summary>
    /// Enters a guard: nothing unlinked from now on is reclaimed before it is disposed. A thread inside one may enter more.
    /// </summary>
    public EpochGuard Enter()
    {
        LockOrder.AssertNoneHeld();
        if (!_countGuards)
        {
            return new EpochGuard(this, NotCounted);
        }

        ref ulong held = ref ReaderThread.Held;
        int slot = (int)(uint)held;
        if ((held ^ (uint)slot) == _number)
        {
            // Only the owner changes the depth, and only the owner can see itself as the owner.
            ReaderSlot* mine = _slots + slot;
            // Order: none needed between a thread and itself; volatile because dead readers' slots are taken back.
            if (Volatile.Read(ref mine->Owner) == ReaderThread.Owner)
            {
                mine->Depth++;
                return new EpochGuard(this, slot);
            }
        }
        else
        {
            slot = 0;
        }

        return new EpochGuard(this, Claim(slot, ref held));
    }

    /// <summary>Starts the next epoch, so that guards from now on do not hold back what is already retired.</summary>
    // Order: an interlocked increment, so that two drains never give two epochs the same number.
    public void Advance() => Interlocked.Increment(ref _header->Epoch);

    /// <summary>
    /// The epoch of the oldest guard alive: everything retired in an earlier epoch may be reclaimed.
    /// <see cref="ulong.MaxValue"/> when there is none. Pre: as for <see cref="IsQuiet"/>.
    /// </summary>
    public ulong OldestGuard() => OldestGuard(waiting: 0);

    /// <summary>
    /// As the other, for a queue of <paramref name="waiting"/> retired records: from <see cref="InspectAt"/> on readers that
    /// died are no longer waited for, from <see cref="GarbageLimit"/> on no reader is.
    /// </summary>
    public ulong OldestGuard(uint waiting)
    {
        // Order: every read here comes after the caller's interlocked unlink; pairs with the fences in Claim.
        if (IsQuiet)
        {
            return ulong.MaxValue;
        }

        if (waiting >= InspectAt)
        {
            Relieve(waiting);
        }

        ulong oldest = ulong.MaxValue;
        bool isAnyRevoked = false;
        // Order: a slot beyond was claimed after this read, by a reader that no longer finds what the caller unlinked.
        int used = Volatile.Read(ref _header->UsedSlots);
        for (int i = 0; i < used; i++)
        {
            // Order: after the caller's fence; pairs with the compare-exchange in Claim. One word holds the epoch and the
            // revocation, so that a revocation is never taken for that of the slot's next reader.
            ulong announcement = Volatile.Read(ref _slots[i].Announcement);
            bool isRevoked = (announcement & ReaderSlot.RevokedBit) != 0;
            isAnyRevoked |= isRevoked;
            if (announcement != 0 && !isRevoked)
            {
                oldest = Math.Min(oldest, ReaderSlot.EpochOf(announcement));
            }
        }

        if (isAnyRevoked)
        {
            // No queue grows on its account any more, so no queue would ever ask whether it has died meanwhile.
            InspectNowAndThen();
        }

        return oldest;
    }

    /// <summary>Whether the reader in a slot was revoked, or has none. Called by <see cref="EpochGuard"/>.</summary>
    // Order: after the caller's interlocked pin; pairs with the exchange in Revoke, which comes before any reuse that the
    // revocation permits: a pin that saw the record's next life sees the revocation too.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsRevoked(int slot) => slot == NoSlot
        || (slot >= 0 && (Volatile.Read(ref _slots[slot].Announcement) & ReaderSlot.RevokedBit) != 0);

    /// <summary>Ends a guard. Called by <see cref="EpochGuard.Dispose"/> only.</summary>
    internal void Exit(int slot)
    {
        if (slot == NotCounted)
        {
            return;
        }

        if (slot != NoSlot)
        {
            ReaderSlot* mine = _slots + slot;
            if (--mine->Depth != 0)
            {
                return;
            }

            // Order: releases all reads made under the guards before the slot reads as free; pairs with OldestGuard. The
            // owner goes first: it never stands in a slot that is not its own (ReleaseDead).
            Volatile.Write(ref mine->Owner, 0);
            Volatile.Write(ref mine->Announcement, 0);
        }

        // Order: last, so that IsQuiet never says yes while a slot is still taken.
        Interlocked.Decrement(ref _header->Active);
    }

    // The thread's outermost guard here (or one after a guard of another domain: then it holds two slots, which is legal).
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Claim(int first, ref ulong held)
    {
        // Order: full fence before any lookup of this guard; pairs with IsQuiet.
        Interlocked.Increment(ref _header->Active);
        for (int i = 0; i < SlotCount; i++)
        {
            int slot = (first + i) & (SlotCount - 1);
            ReaderSlot* at = _slots + slot;
            // Order: only saves a compare-exchange that must fail.
            if (Volatile.Read(ref at->Announcement) != 0)
            {
                continue;
            }

            RaiseUsedSlots(slot + 1);
            // Order: full fence: announces the epoch before the guard's first lookup; a stale (smaller) epoch only holds
            // back more. Pairs with the reads in OldestGuard.
            if (Interlocked.CompareExchange(ref at->Announcement, ReaderSlot.Announce(CurrentEpoch), 0) == 0)
            {
                at->Depth = 1;
                at->ThreadNumber = ThreadNumbers.Current;
                at->EnteredTick = CoarseClock.NowTicks;
                held = _number | (uint)slot;
                // Order: releases what the slot says of its reader; pairs with ReleaseDead and FindStalled.
                Volatile.Write(ref at->Owner, ReaderThread.Owner);
                return slot;
            }
        }

        // Order: a statistic.
        Interlocked.Increment(ref _header->Unslotted);
        return NoSlot;
    }

    private void RaiseUsedSlots(int used)
    {
        // Order: only the start of the loop; the compare-exchange decides.
        for (int seen = Volatile.Read(ref _header->UsedSlots); seen < used;)
        {
            // Order: raised before the slot is claimed; pairs with the read in OldestGuard.
            int now = Interlocked.CompareExchange(ref _header->UsedSlots, used, seen);
            seen = now == seen ? used : now;
        }
    }
}
