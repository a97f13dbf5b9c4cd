// Licensed under the MIT License. See LICENSE in the repository root.
using FsCheck;
using FsCheck.Fluent;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

/// <summary>
/// Ranges of memory against a plain list of ranges: what starts at the same address is replaced, what overlaps otherwise
/// stays for the scan to leave out, what is cut out is gone, and frozen walk, cursor and interior lookup agree.
/// </summary>
[TestFixture]
internal sealed class RecordLayoutModelTests
{
    private const ulong Huge = 3UL << 30;

    private readonly record struct Step(int Kind, int Granule, int Size);

    [Test]
    public void AnySequenceOfInsertsFreesAndCutsEqualsAListOfRanges()
    {
        Gen<Step> step =
            from kind in Gen.Elements(0, 0, 0, 1, 2)
            from granule in Gen.Choose(0, 200)
            from size in Gen.OneOf(Gen.Choose(0, 100), Gen.Choose(0, 5000), Gen.Constant(-1))
            select new Step(kind, granule, size);
        Prop.ForAll(step.ListOf(60).ToArbitrary(), steps => Run(steps)).Check(
            Config.QuickThrowOnFailure.WithMaxTest(200).WithStartSize(1).WithEndSize(60));
    }

    private static void Run(IReadOnlyList<Step> steps)
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        SortedDictionary<nuint, nuint> model = [];
        foreach (Step step in steps)
        {
            nuint address = 0x7000_0000 + ((nuint)(uint)step.Granule * 16);
            nuint byteCount = step.Size < 0 ? unchecked((nuint)Huge) : (nuint)(uint)step.Size;
            switch (step.Kind)
            {
                case 0:
                    Assert.That(store.Insert(address, byteCount, AllocationApi.Unknown, BlockFlags.None, 1));
                    model[address] = byteCount;
                    break;
                case 1:
                    Assert.That(store.TryRemove(address, out BlockRecord removed), Is.EqualTo(model.ContainsKey(address)));
                    Assert.That(!model.Remove(address, out nuint size) || removed.BlockByteCount == size);
                    break;
                default:
                    Cut(store, model, address, byteCount & ~(nuint)15);
                    break;
            }
        }

        Compare(store, model);
    }

    // Whole granules: odd addresses are kept apart, where inserts do not look (FreePartTests has them). Only where one range
    private static void Cut(RecordStore store, SortedDictionary<nuint, nuint> model, nuint address, nuint byteCount)
    {
        KeyValuePair<nuint, nuint>[] around = [.. model.Where(range => address - range.Key < Math.Max(range.Value, 1))];
        if (around.Length > 1)
        {
            return;
        }

        Assert.That(store.FreePart(address, byteCount), Is.EqualTo(around.Length == 1));
        if (around.Length == 1)
        {
            (nuint start, nuint size) = (around[0].Key, around[0].Value);
            nuint cutEnd = Math.Min(start + size, address + byteCount);
            model.Remove(start);
            if (address > start)
            {
                model[start] = address - start;
            }

            if (cutEnd < start + size)
            {
                model[cutEnd] = start + size - cutEnd;
            }
        }
    }

    private static void Compare(RecordStore store, SortedDictionary<nuint, nuint> model)
    {
        Assert.That(store.FindBrokenInvariant(), Is.Null);
        Assert.That(FrozenView.Collect(store).Select(static block => block.Start), Is.EqualTo(model.Keys));
        List<(nuint Start, nuint Size)> seen = [];
        using RecordCursor cursor = RecordCursor.Start(store);
        while (cursor.TryNext())
        {
            seen.Add((cursor.Current.Address, cursor.Current.BlockByteCount));
        }

        Assert.That(seen, Is.EqualTo(model.Select(static range => (range.Key, range.Value))));
        Assert.That(cursor.TryNext(), Is.False);
        RecordCounters counters = store.ReadCounters();
        Assert.That(counters.LiveBlocks, Is.EqualTo(model.Count));
        Assert.That(counters.LiveBytes, Is.EqualTo(model.Values.Sum(static size => (long)size)));
    }
}
