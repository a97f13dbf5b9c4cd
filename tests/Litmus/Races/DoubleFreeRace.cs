// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.Litmus.Frozen;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Races;

/// <summary>Two frees of one block: exactly one takes the record.</summary>
internal sealed class DoubleFreeRace : Race
{
    private const int Rounds = 10_000;
    private const nuint Base = 0x10_0000;

    public override string Name => "double-free";

    public override string Summary => "two threads free the same block";

    public override string Control => "a slot of the index is read and cleared, not exchanged";

    public override Batch Run(bool broken, uint seed)
    {
        using LitmusPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        PlainSlot plain = new();
        Lockstep step = new(threads: 2);
        bool[] isWinner = new bool[2];
        long wrong = 0;
        string? seen = null;
        Crew.Run(() => Free(0), () => Free(1));
        if (wrong == 0 && store.FindBrokenInvariant() is { } invariant)
        {
            wrong++;
            seen = invariant;
        }

        return new Batch(Rounds, Rounds, wrong, seen);

        void Free(int thread)
        {
            for (int round = 0; round < Rounds; round++)
            {
                nuint address = Base + ((seed + (uint)round) % 7 * 16);
                if (thread == 0)
                {
                    plain.Insert();
                    Blocks.Insert(store, address);
                }

                step.Wait((2 * round) + 0);
                // One by the general way, one by that of a hook.
                isWinner[thread] = broken ? plain.TryRemove()
                    : thread == 0 ? store.TryRemove(address, out _) : Blocks.RemoveAsAFreeDoes(store, address, round % 2 == 0);
                step.Wait((2 * round) + 1);
                if (thread == 0 && isWinner[0] == isWinner[1])
                {
                    wrong++;
                    seen ??= string.Create(CultureInfo.InvariantCulture,
                        $"of two frees of one block {(isWinner[0] ? "both" : "none")} took its record (round {round})");
                }

                if (thread == 0 && broken)
                {
                    store.TryRemove(address, out _);
                }
            }
        }
    }
}
