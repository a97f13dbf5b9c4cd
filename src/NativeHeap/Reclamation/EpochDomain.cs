// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the clock and the register of readers that decide when a retired record may be used again.
// Who calls it: readers (scanner, reports, hints) enter guards; record stripes ask what may be reclaimed.
// The one idea: a reader first announces itself (full fence), then looks; a writer first unlinks (full fence), then
// asks who is announced. So either the reader does not find the record, or the writer finds the reader.
// Epoch-based reclamation after Fraser (2004); slots acquired per guard as in FASTER's epoch table.
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Reclamation;

/// <summary>
/// Epochs over native slots, one cache line each. Thread-safe; no lock, no GC memory after construction.
/// </summary>
/// <remarks>
/// <code>
/// line 0: epoch (8 bytes)          written once per drain, read by every drain and every enter
/// line 1: active (4), overflow (4) guards alive; guards alive that found no free slot
/// line 2 … 257: slot (8 bytes)     0 = free, else the epoch its guard entered in
/// </code>
/// </remarks>
internal sealed unsafe class EpochDomain
{
    /// <summary>Guards that can be told apart at the same time; more are legal and hold back all reclamation.</summary>
    public const int SlotCount = 256;

    private const int LineByteCount = 64;
    private const int OverflowSlot = SlotCount;

    private readonly byte* _lines;
    private readonly bool _countGuards;

    private EpochDomain(byte* lines, bool countGuards)
    {
        _lines = lines;
        _countGuards = countGuards;
        Epoch = 1;
    }

    /// <summary>Bytes of native memory one domain takes.</summary>
    public static nuint ByteCount => (SlotCount + 2) * LineByteCount;

    /// <summary>Creates a domain; null when the page source refuses.</summary>
    /// <param name="pages">Where the slots live.</param>
    /// <param name="countGuards">False makes guards that protect nothing: the broken control of the race tests.</param>
    public static EpochDomain? TryCreate(IPageSource pages, bool countGuards = true)
    {
        nuint byteCount = (ByteCount + pages.PageByteCount - 1) & ~(pages.PageByteCount - 1);
        nuint lines = pages.AllocatePrivate(byteCount);
        return lines == 0 ? null : new EpochDomain((byte*)lines, countGuards);
    }

    /// <summary>Guards alive now.</summary>
    // Order: a statistic; decisions use IsQuiet.
    public int ActiveGuards => Volatile.Read(ref Active);

    /// <summary>The epoch now; starts at 1.</summary>
    // Order: a stale epoch is a smaller one: a guard or a stamp made with it only waits longer or is waited for longer.
    public ulong CurrentEpoch => Volatile.Read(ref Epoch);

    /// <summary>
    /// Whether no guard is alive. Pre: the caller has unlinked what it wants to reclaim and executed an interlocked
    /// operation since.
    /// </summary>
    // Order: a volatile read after the caller's interlocked unlink; pairs with the increment in Enter. Without either
    // fence a reader could hold an index that the writer hands out again.
    public bool IsQuiet => Volatile.Read(ref Active) == 0;

    private ref ulong Epoch => ref *(ulong*)_lines;

    private ref int Active => ref *(int*)(_lines + LineByteCount);

    private ref int Overflow => ref *(int*)(_lines + LineByteCount + sizeof(int));

    /// <summary>
    /// Enters a guard: nothing unlinked from now on is reclaimed before it is disposed. Nesting is fine.
    /// </summary>
    public EpochGuard Enter()
    {
        if (!_countGuards)
        {
            return new EpochGuard(this, OverflowSlot);
        }

        // Order: full fence before any lookup of this guard; pairs with IsQuiet and OldestGuard.
        Interlocked.Increment(ref Active);
        int start = Environment.CurrentManagedThreadId;
        for (int i = 0; i < SlotCount; i++)
        {
            int slot = (start + i) & (SlotCount - 1);
            ref ulong word = ref Slot(slot);
            // Order: the compare-exchange publishes the epoch before the guard's first lookup; a stale (smaller) epoch
            // only holds back more. Pairs with the reads in OldestGuard.
            if (Volatile.Read(ref word) == 0 && Interlocked.CompareExchange(ref word, CurrentEpoch, 0) == 0)
            {
                return new EpochGuard(this, slot);
            }
        }

        // Order: as above; while the count is not zero OldestGuard lets nothing be reclaimed.
        Interlocked.Increment(ref Overflow);
        return new EpochGuard(this, OverflowSlot);
    }

    /// <summary>Ends a guard. Called by <see cref="EpochGuard.Dispose"/> only.</summary>
    internal void Exit(int slot)
    {
        if (!_countGuards)
        {
            return;
        }

        // Order: releases all reads made under the guard before the slot reads as free; pairs with OldestGuard.
        if (slot == OverflowSlot)
        {
            Interlocked.Decrement(ref Overflow);
        }
        else
        {
            // Order: release, as said above.
            Volatile.Write(ref Slot(slot), 0);
        }

        // Order: last, so that IsQuiet never says yes while a slot is still taken.
        Interlocked.Decrement(ref Active);
    }

    /// <summary>Starts the next epoch, so that guards from now on do not hold back what is already retired.</summary>
    // Order: an interlocked increment, so that two drains never give two epochs the same number.
    public void Advance() => Interlocked.Increment(ref Epoch);

    /// <summary>
    /// The epoch of the oldest guard alive: everything retired in an earlier epoch may be reclaimed.
    /// <see cref="ulong.MaxValue"/> when there is none, 0 when that cannot be told. Pre: as for <see cref="IsQuiet"/>.
    /// </summary>
    public ulong OldestGuard()
    {
        // Order: every read here comes after the caller's interlocked unlink; pairs with the fences in Enter.
        if (IsQuiet)
        {
            return ulong.MaxValue;
        }

        if (Volatile.Read(ref Overflow) != 0)
        {
            return 0;
        }

        ulong oldest = ulong.MaxValue;
        for (int i = 0; i < SlotCount; i++)
        {
            // Order: after the caller's fence; pairs with the compare-exchange in Enter.
            ulong epoch = Volatile.Read(ref Slot(i));
            if (epoch != 0 && epoch < oldest)
            {
                oldest = epoch;
            }
        }

        return oldest;
    }

    // Safety: slot < SlotCount, and the domain allocated SlotCount + 2 lines.
    private ref ulong Slot(int slot) => ref *(ulong*)(_lines + ((slot + 2) * LineByteCount));
}
