// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Races;

/// <summary>
/// No race, but the proof that a Debug build watches the order of locks: everything that takes locks is done under the
/// check; the control takes two in the wrong order.
/// </summary>
internal sealed class LockOrderRace : Race
{
    private const int Blocks = 2000;

    public override string Name => "lock-order";

    public override string Summary => "every path of the record table that takes locks, under the check of Debug builds";

    public override string Control => "a lock of a lower rank is taken inside one of a higher rank";

    public override Batch Run(bool broken, uint seed)
    {
        if (broken)
        {
            TakeInTheWrongOrder();
            return new Batch(Rounds: 1, Raced: 1, Violations: 0, Seen: null);
        }

        using LitmusPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        // Slabs are carved, records recycled at once, queued under a guard, drained after it.
        for (int pass = 0; pass < 3; pass++)
        {
            using EpochGuard guard = pass == 1 ? store.Epochs.Enter() : default;
            for (uint i = 1; i <= Blocks; i++)
            {
                Litmus.Blocks.Insert(store, i * 128);
                // As a thread without a number does: only that one's lists have a lock.
                store.Insert((i * 128) + 64, 1, AllocationApi.Unknown, BlockFlags.None, 0, thread: 0);
            }

            for (uint i = 2; i < (Blocks + 1) * 2; i++)
            {
                store.TryRemove(i * 64, out _);
            }
        }

        string? seen = store.FindBrokenInvariant();
        return new Batch(Rounds: 1, Raced: 1, Violations: seen is null ? 0 : 1, Seen: seen);
    }

    private static void TakeInTheWrongOrder()
    {
        int inner = 0, outer = 0;
        using SpinScope high = SpinScope.Enter(ref outer, LockRank.Slab);
        using SpinScope low = SpinScope.Enter(ref inner, LockRank.Stripe);
    }
}
