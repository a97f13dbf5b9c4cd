// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the process's table of records, as a static face of one RecordStore.
// Who calls it: AllocationRecorder (insert, remove), hints and reports (find), the scanner (frozen enumeration).
// The one idea: addresses map to records by exchange, records live in pages that never go away, readers hold no lock.
//
// Locks, what they protect, and their order (docs/design/locking.md):
//   1. RecordStripe.Lock      stripe 0 only, of threads without a number: its lists and counters
//   2. RecordQueue.Lock       a queue of retired records that readers hold back
//   3. RecordSlabs lock       the pool of batches, the high-water mark and the commit; a leaf
//   4. OwnMemory lock         the table of our own ranges; taken inside nothing of ours, a leaf
// Order: 1 → 2 → 3, asserted in Debug builds (LockRank). No lock is held while calling out, allocating, throwing, or entering an epoch guard; no lock is ever
// taken by a reader, in the parked world or in the child.
// Safety: hands pointers to never-released pages on; dereferences nothing itself.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;

namespace NativeLeak.NativeHeap.Records;

/// <summary>The records of all live blocks of the process. Every member is thread-safe; none throws.</summary>
internal static unsafe class RecordTable
{
    private static readonly Lock s_initialization = new();
    private static RecordStore? s_store;

    /// <summary>Whether <see cref="Initialize"/> succeeded.</summary>
    // Order: acquires the store; pairs with the write in Initialize.
    public static bool IsInitialized => Volatile.Read(ref s_store) is not null;

    /// <summary>Guards for <see cref="TryFind"/>: <c>using EpochGuard guard = RecordTable.EnterGuard();</c>.</summary>
    /// <exception cref="InvalidOperationException">The table is not initialized.</exception>
    public static EpochGuard EnterGuard()
        => (s_store ?? throw new InvalidOperationException("the record table is not initialized")).Epochs.Enter();

    /// <summary>
    /// Readers that have been inside a guard for at least <paramref name="held"/>, after those that died there were released.
    /// Cold: for reports.
    /// </summary>
    public static IReadOnlyList<StalledReader> FindStalledReaders(TimeSpan held)
    {
        if (s_store is not { } store)
        {
            return [];
        }

        store.Epochs.ReleaseDead(thorough: true);
        return store.Epochs.FindStalled(held);
    }

    /// <summary>All live records as the frozen world reads them; empty before initialization.</summary>
    public static FrozenRecords Freeze() => s_store is { } store ? store.Freeze() : default;

    /// <summary>No more blocks are live than this.</summary>
    public static uint HighWater => s_store is { } store ? store.Slabs.HighWater : 1;

    /// <summary>The counters now.</summary>
    public static RecordCounters Counters => s_store is { } store ? store.ReadCounters() : default;

    /// <summary>Whether metadata memory ran out: then no new block is recorded any more.</summary>
    public static bool IsFull => s_store is { IsFull: true };

    /// <summary>Reserves the table. False when the system refuses even the smallest; idempotent, cold.</summary>
    public static bool Initialize()
    {
        lock (s_initialization)
        {
            if (s_store is null)
            {
                // Order: publishes a complete store; pairs with the reads of s_store.
                Volatile.Write(ref s_store, RecordStore.TryCreate(RecorderPages.Source));
            }

            return s_store is not null;
        }
    }

    /// <summary>
    /// Records a block the C heap just returned. A stale record at that address is retired and counted.
    /// </summary>
    /// <returns>False when it is not recorded: out of metadata memory (then for good), or not initialized.</returns>
    public static bool Insert(nuint address, nuint byteCount, AllocationApi api, BlockFlags flags, uint site)
        => Insert(Approach(address), address, byteCount, api, flags, site, ThreadNumbers.Current);

    /// <summary>Makes the processor fetch what <see cref="Insert(uint*, nuint, nuint, AllocationApi, BlockFlags, uint, ushort)"/>
    /// will need; call it as soon as the address is known.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint* Approach(nuint address) => s_store is { } store ? store.Approach(address) : null;

    /// <summary>As the other, for a caller that knows its thread's number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Insert(uint* slot, nuint address, nuint byteCount, AllocationApi api, BlockFlags flags,
        uint site, ushort thread)
        => s_store is { } store && store.Insert(slot, address, byteCount, api, flags, site, thread);

    /// <summary>The table itself, for who does several steps; null before <see cref="Initialize"/>.</summary>
    public static RecordStore? Store
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => s_store;
    }

    /// <summary>Takes out a block's record before it is freed; exactly one caller wins.</summary>
    public static bool TryRemove(nuint address, out BlockRecord removed)
    {
        if (s_store is { } store)
        {
            return store.TryRemove(address, out removed);
        }

        removed = default;
        return false;
    }

    /// <summary>As <see cref="TryRemove"/>, for a free: a few registers, but not all that <see cref="Restore"/> needs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RemovedBlock Remove(nuint address)
        => s_store is { } store ? store.Remove(address, ThreadNumbers.Current) : RemovedBlock.None;

    /// <summary>
    /// Puts back what <see cref="TryRemove"/> took out, with the same ordinal, site, birth and thread.
    /// </summary>
    public static bool Restore(in BlockRecord removed) => s_store is { } store && store.Restore(in removed);

    /// <summary>The stripe of a thread number, ready for its bearer, who alone may ask. False when there is none.</summary>
    public static bool TryOpenStripe(ushort thread, out RecordStripe* stripe)
    {
        stripe = s_store is { } store ? store.OpenStripe(thread) : null;
        return stripe != null;
    }

    /// <summary>Gives a young thread what an ended one had set aside; see <see cref="RecordStore.Inherit"/>.</summary>
    public static void Inherit(ushort ended, ushort heir) => s_store?.Inherit(ended, heir);

    /// <summary>Counts a free of an address that has no record.</summary>
    public static void CountUnknownFree() => s_store?.CountUnknownFree();

    /// <summary>
    /// Finds and pins the record of the block that starts at <paramref name="address"/>. Dispose the handle.
    /// </summary>
    public static bool TryFind(in EpochGuard guard, nuint address, out RecordHandle found)
    {
        if (s_store is { } store)
        {
            return store.TryFind(in guard, address, out found);
        }

        found = default;
        return false;
    }

    /// <summary>
    /// Finds and pins the record of the block that contains <paramref name="address"/>. Dispose the handle.
    /// </summary>
    public static bool TryFindInterior(in EpochGuard guard, nuint address, out RecordHandle found)
    {
        if (s_store is { } store)
        {
            return store.TryFindInterior(in guard, address, out found);
        }

        found = default;
        return false;
    }

    /// <summary>
    /// Finds and pins the live record with the lowest address from <paramref name="address"/>, which moves there, to before
    /// <paramref name="end"/>.
    /// </summary>
    public static bool TryFindNext(
        scoped in EpochGuard guard, scoped ref nuint address, nuint end, out RecordHandle found)
    {
        if (s_store is { } store)
        {
            nuint last = (nuint)1 << AddressIndex.AddressBits;
            return store.TryFindNext(in guard, ref address, Math.Min(end, last), out found);
        }

        found = default;
        return false;
    }

    /// <summary>
    /// Takes a part out of the block around it; what is left before and behind stays recorded. Cold.
    /// </summary>
    /// <returns>False when no block contains <paramref name="address"/>.</returns>
    public static bool FreePart(nuint address, nuint byteCount)
        => s_store is { } store && store.FreePart(address, byteCount);

    /// <summary>Begins a walk over all live records in order of address. Dispose it.</summary>
    /// <exception cref="InvalidOperationException">The table is not initialized.</exception>
    public static RecordCursor StartCursor()
        => RecordCursor.Start(s_store ?? throw new InvalidOperationException("the record table is not initialized"));
}
