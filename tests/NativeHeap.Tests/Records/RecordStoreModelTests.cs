// Licensed under the MIT License. See LICENSE in the repository root.
using FsCheck;
using FsCheck.Fluent;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

/// <summary>Any sequence of operations leaves the store equal to a dictionary.</summary>
[TestFixture]
internal sealed class RecordStoreModelTests
{
    private enum Operation
    {
        Insert,
        Remove,
        Find,
        Restore,
        EnterGuard,
        ExitGuard,
    }

    private readonly record struct Step(Operation Operation, int Place, int Size);

    [Test]
    public void AnySequenceOfOperationsEqualsADictionary()
    {
        Gen<Step> step =
            from operation in Gen.Elements(Operation.Insert, Operation.Insert, Operation.Insert, Operation.Remove,
                Operation.Remove, Operation.Find, Operation.Restore, Operation.EnterGuard, Operation.ExitGuard)
            from place in Gen.Choose(0, 40)
            from size in Gen.Choose(0, 8)
            select new Step(operation, place, size);
        Prop.ForAll(step.ListOf(300).ToArbitrary(), steps => Run(steps)).Check(
            Config.QuickThrowOnFailure.WithMaxTest(150).WithStartSize(1).WithEndSize(300));
    }

    // Blocks 16 and 32 apart, so that windows become forks; odd addresses among them; leaves far apart. Sizes below 16, so
    // that neighbours do not overlap.
    private static nuint AddressOf(int place) => ((nuint)(uint)(place % 3) << 30) + (0x30u * (nuint)(uint)(place / 12))
        + (16u * (nuint)(uint)(place / 3 % 4)) + (place == 40 ? 8u : 0u) + 0x1000;

    private static void Run(IReadOnlyList<Step> steps)
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        Dictionary<nuint, (int Size, uint Site)> model = [];
        long replaced = 0;
        int depth = 0;
        uint site = 0;
        List<BlockRecord> removedLast = [];
        Play(0);
        Assert.That(store.FindBrokenInvariant(), Is.Null);

        // Recursion, because a guard is a scope: EnterGuard plays the following steps inside it until ExitGuard.
        int Play(int from)
        {
            int i = from;
            while (i < steps.Count)
            {
                Step step = steps[i++];
                if (step.Operation == Operation.EnterGuard && depth < 20)
                {
                    depth++;
                    using EpochGuard guard = store.Epochs.Enter();
                    i = Play(i);
                    depth--;
                }
                else if (step.Operation == Operation.ExitGuard && depth > 0)
                {
                    return i;
                }
                else
                {
                    Apply(step);
                }
            }

            return i;
        }

        void Apply(Step step)
        {
            nuint address = AddressOf(step.Place);
            switch (step.Operation)
            {
                case Operation.Insert:
                    replaced += model.ContainsKey(address) ? 1 : 0;
                    Assert.That(store.Insert(address, (nuint)step.Size, AllocationApi.Unknown, BlockFlags.None, ++site));
                    model[address] = (step.Size, site);
                    break;
                case Operation.Remove:
                    if (step.Size % 2 != 0)
                    {
                        RemoveAsAFreeDoes(address);
                        break;
                    }

                    Assert.That(store.TryRemove(address, out BlockRecord removed), Is.EqualTo(model.Remove(address, out var old)));
                    if (removed.Address != 0)
                    {
                        Assert.That(((int)removed.BlockByteCount, removed.Site), Is.EqualTo(old));
                        removedLast.Add(removed);
                    }

                    break;
                case Operation.Restore when removedLast.Count > 0:
                    BlockRecord last = removedLast[^1];
                    removedLast.Clear();
                    if (!model.ContainsKey(last.Address))
                    {
                        Assert.That(store.Restore(in last));
                        model[last.Address] = ((int)last.BlockByteCount, last.Site);
                    }

                    break;
            }

            Compare(address);
        }

        void RemoveAsAFreeDoes(nuint address)
        {
            // The short way first, for every other one.
            RemovedBlock removed = address / 16 % 2 == 0
                ? store.Remove(address, ThreadNumbers.Current) : RemoveQuickly(store, address);
            bool isKnown = model.Remove(address, out (int Size, uint Site) old);
            Assert.That(removed.IsFound, Is.EqualTo(isKnown));
            Assert.That(!isKnown || ((int)removed.ByteCount, removed.Site) == old);
        }

        void Compare(nuint address)
        {
            using EpochGuard guard = store.Epochs.Enter();
            bool isKnown = model.TryGetValue(address, out (int Size, uint Site) expected);
            Assert.That(store.TryFind(in guard, address, out RecordHandle found), Is.EqualTo(isKnown));
            if (isKnown)
            {
                Assert.That(((int)found.Record.BlockByteCount, found.Record.Site), Is.EqualTo(expected));
                found.Dispose();
            }

            RecordCounters counters = store.ReadCounters();
            Assert.That(counters.LiveBlocks, Is.EqualTo(model.Count));
            Assert.That(counters.LiveBytes, Is.EqualTo(model.Values.Sum(value => (long)value.Size)));
            Assert.That(counters.Replaced, Is.EqualTo(replaced));
        }
    }

    private static unsafe RemovedBlock RemoveQuickly(RecordStore store, nuint address)
    {
        uint* slot = store.Approach(address);
        if (slot == null || !store.TryTake(slot, address, out uint entry))
        {
            return store.Remove(address, ThreadNumbers.Current);
        }

        PackedRecord* record = store.RecordOf(entry);
        RemovedBlock removed = new(PackedRecord.SizeOf(record->SizeAndOrdinal), record->Site, record->StateWord, record->Ordinal);
        return RecordStateWord.IsPlain(record->SizeAndState, 1 << 20)
            && store.TryRecycle(store.OpenStripe(ThreadNumbers.Current), entry, (uint)removed.ByteCount)
            ? removed : store.EndRemoval(entry);
    }
}
