// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.Litmus.Frozen;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Races;

/// <summary>Growth of the index vs lookup: two threads create the same leaf, and neither loses its block.</summary>
internal sealed class GrowRace : Race
{
    private const int Leaves = 2048;

    // More than a leaf of any layout covers, so that every round makes the index grow.
    private const int LeafShift = 27;

    public override string Name => "grow-lookup";

    public override string Summary => "two threads make the address index grow at the same place and look up what they entered";

    public override string Control => "a new leaf is stored in the directory, not compared and exchanged";

    public override Batch Run(bool broken, uint seed)
    {
        using LitmusPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        PlainDirectory plain = new(Leaves);
        Lockstep step = new(threads: 2);
        long wrong = 0, metOther = 0;
        string? seen = null;
        Crew.Run(() => Enter(0), () => Enter(1));
        return new Batch(Leaves, metOther, wrong, seen);

        void Enter(int thread)
        {
            for (int leaf = 0; leaf < Leaves; leaf++)
            {
                nuint address = ((nuint)(uint)(leaf + 1) << LeafShift) + ((seed % 64) * 4096);
                nuint mine = address + ((nuint)(uint)thread * 64), others = address + (64 - ((nuint)(uint)thread * 64));
                step.Wait((2 * leaf) + 0);
                if (broken)
                {
                    plain.Insert(leaf, thread, 1);
                }
                else
                {
                    Blocks.Insert(store, mine);
                    Interlocked.Add(ref metOther, Find(others) ? 1 : 0);
                }

                step.Wait((2 * leaf) + 1);
                // Both are done: both blocks must be there, for both threads.
                if (broken ? plain.Find(leaf, 0) == 0 || plain.Find(leaf, 1) == 0 : !Find(mine) || !Find(others))
                {
                    Report(string.Create(CultureInfo.InvariantCulture,
                        $"a block entered while leaf {leaf} was created twice is not found any more"));
                }
            }
        }

        bool Find(nuint address)
        {
            using EpochGuard guard = store.Epochs.Enter();
            if (!store.TryFind(in guard, address, out RecordHandle found))
            {
                return false;
            }

            Report(Blocks.Check(address, in found));
            found.Dispose();
            return true;
        }

        void Report(string? what)
        {
            if (what is not null)
            {
                Interlocked.Increment(ref wrong);
                Interlocked.CompareExchange(ref seen, what, null);
            }
        }
    }
}
