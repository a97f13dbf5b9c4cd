// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Annotations;

namespace NativeLeak.NativeHeap.Tests.Annotations;

[TestFixture]
internal sealed class AnnotationTableTests
{
    [Test]
    public void AnAnnotationHas32BytesAndKeepsOrdinalAndKindApart()
    {
        const ulong Ordinal = (1ul << 46) - 1;
        BlockAnnotation annotation = new() { Key = BlockAnnotation.KeyOf(Ordinal, AnnotationKind.FirstSite) };
        Assert.That(Unsafe.SizeOf<BlockAnnotation>(), Is.EqualTo(BlockAnnotation.ByteCount));
        Assert.That(Unsafe.SizeOf<PoolRange>(), Is.EqualTo(PoolRange.ByteCount));
        Assert.That((annotation.Ordinal, annotation.Kind), Is.EqualTo((Ordinal, AnnotationKind.FirstSite)));
    }

    [Test]
    public unsafe void ACopyShowsWhatTheTableHeldAndNothingThatCameLater([Values(0, 1, 100, 3000)] int count)
    {
        using TestPages pages = new();
        AnnotationTable table = AnnotationTable.TryCreate(pages)!;
        for (int i = 1; i <= count; i++)
        {
            Assert.That(table.TrySet((nuint)i * 16, 7, AnnotationKind.Tag, (ulong)i));
        }

        Assert.That(table.TryCopy(out FrozenAnnotations copy, out MemoryRange memory));
        table.TrySet(16 * 100_000, 7, AnnotationKind.Tag, 1);
        table.Drop(16, 7);
        ulong slot = 0;

        int found = 0;
        for (int i = 1; i <= count; i++)
        {
            // Safety: the copy's pages are valid until they are given back.
            slot = 0;
            BlockAnnotation* note = FrozenAnnotations.Next(&copy, (nuint)i * 16, 7, ref slot);
            found += note != null && note->First == (ulong)i ? 1 : 0;
        }

        slot = 0;
        Assert.That(found, Is.EqualTo(count));
        Assert.That(FrozenAnnotations.Next(&copy, 16 * 100_000, 7, ref slot) == null);
        if (memory.ByteCount != 0)
        {
            pages.Release(memory.Start, memory.ByteCount);
        }
    }

    [Test]
    public void TenThousandRandomCallsDoWhatADictionaryDoes([Values(1, 2, 3)] int seed)
    {
        using TestPages pages = new();
        AnnotationTable table = AnnotationTable.TryCreate(pages)!;
        Dictionary<(nuint, ulong, AnnotationKind), ulong> model = [];
        Random random = new(seed);
        for (int i = 0; i < 10_000; i++)
        {
            nuint address = (nuint)random.Next(1, 500) * 16;
            ulong ordinal = (ulong)random.Next(1, 3);
            AnnotationKind kind = random.Next(2) == 0 ? AnnotationKind.Tag : AnnotationKind.Check;
            switch (random.Next(4))
            {
                case 0:
                    table.Drop(address, ordinal);
                    model.Remove((address, ordinal, AnnotationKind.Tag));
                    model.Remove((address, ordinal, AnnotationKind.Check));
                    break;
                case 1:
                    table.Drop(address, ordinal, kind);
                    model.Remove((address, ordinal, kind));
                    break;
                default:
                    Assert.That(table.TrySet(address, ordinal, kind, (ulong)i, 7));
                    model[(address, ordinal, kind)] = (ulong)i;
                    break;
            }

            bool isFound = table.TryGet(address, ordinal, kind, out ulong first, out ulong second);
            bool isExpected = model.TryGetValue((address, ordinal, kind), out ulong value);
            Assert.That((isFound, first), Is.EqualTo((isExpected, value)));
            Assert.That(second, Is.EqualTo(isFound ? 7ul : 0));
        }

        Assert.That(table.Count, Is.EqualTo(model.Count));
        foreach (((nuint address, ulong ordinal, AnnotationKind kind), ulong value) in model)
        {
            Assert.That(table.TryGet(address, ordinal, kind, out ulong first, out _) && first == value);
        }

        Assert.That(pages.OwnedCount, Is.EqualTo(2), "the cell and one table: outgrown ones are given back");
    }

    [Test]
    public void ScanAreasAddUpAndTheFrozenTableShowsAllOfThem()
    {
        using TestPages pages = new();
        AnnotationTable table = AnnotationTable.TryCreate(pages)!;
        FrozenAnnotations frozen = table.Freeze();
        for (ulong i = 0; i < 200; i++)
        {
            Assert.That(table.TrySet(4096, 1, AnnotationKind.ScanArea, i));
        }

        Assert.That(CountFrozen(frozen, 4096, 1), Is.EqualTo(200), "frozen before the table was made, and grew");
        Assert.That(CountFrozen(frozen, 4096, 2), Is.Zero, "the next block at that address");
        table.Drop(4096, 1);
        Assert.That(CountFrozen(frozen, 4096, 1), Is.Zero);
    }

    [Test]
    public void WithoutMemoryAHintFailsAndNothingElseHappens()
    {
        using TestPages pages = new();
        AnnotationTable table = AnnotationTable.TryCreate(pages)!;
        pages.CallsLeft = 0;
        Assert.That(table.TrySet(16, 1, AnnotationKind.Tag, 5), Is.False);
        Assert.That(table.TryGet(16, 1, AnnotationKind.Tag, out _, out _), Is.False);
        table.Drop(16, 1);
        pages.CallsLeft = int.MaxValue;
        Assert.That(table.TrySet(16, 1, AnnotationKind.Tag, 5));
    }

    [Test]
    public void FourThreadsThatSetAndDropLeaveExactlyWhatTheyKept()
    {
        using TestPages pages = new();
        AnnotationTable table = AnnotationTable.TryCreate(pages)!;
        Thread[] threads = [.. Enumerable.Range(1, 4).Select(lane => new Thread(() =>
        {
            for (uint i = 1; i <= 20_000; i++)
            {
                nuint address = (((nuint)i * 4) + (nuint)lane) * 16;
                table.TrySet(address, 1, AnnotationKind.Tag, (ulong)lane);
                if (i % 10 != 0)
                {
                    table.Drop(address, 1);
                }
            }
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        Assert.That(table.Count, Is.EqualTo(4 * 2_000));
        Assert.That(table.TryGet(((10 * 4) + 3) * 16, 1, AnnotationKind.Tag, out ulong first, out _) && first == 3);
    }

    private static unsafe int CountFrozen(FrozenAnnotations frozen, nuint address, ulong ordinal)
    {
        int count = 0;
        ulong slot = 0;
        while (FrozenAnnotations.Next(&frozen, address, ordinal, ref slot) != null)
        {
            count++;
        }

        return count;
    }
}
