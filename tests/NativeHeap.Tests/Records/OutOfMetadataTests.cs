// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

[TestFixture]
internal sealed class OutOfMetadataTests
{
    [Test]
    public void WhenNoSlabCanBeCommittedRecordingStopsForGoodAndFreesGoOn()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        Assert.That(store.Insert(0x1000, 8, AllocationApi.Unknown, BlockFlags.None, 0));
        pages.CommitsLeft = 0;
        nuint refused = 0;
        for (nuint i = 2; refused == 0; i++)
        {
            refused = store.Insert(i * 0x1000, 8, AllocationApi.Unknown, BlockFlags.None, 0) ? 0 : i;
        }

        Assert.That(store.IsFull);
        pages.CommitsLeft = int.MaxValue;
        Assert.That(store.Insert(0x10, 8, AllocationApi.Unknown, BlockFlags.None, 0), Is.False, "irreversible");
        RecordCounters counters = store.ReadCounters();
        Assert.That(counters.IsFull);
        Assert.That(counters.Dropped, Is.EqualTo(2));
        for (nuint i = 1; i < refused; i++)
        {
            Assert.That(store.TryRemove(i * 0x1000, out _));
        }

        Assert.That(store.TryRemove(refused * 0x1000, out _), Is.False);
        Assert.That(store.ReadCounters().LiveBlocks, Is.Zero);
    }

    [Test]
    public void WhenNoIndexLeafCanBeCommittedTheBlockIsDropped()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        pages.CommitsLeft = 0;
        Assert.That(store.Insert(0x1000, 8, AllocationApi.Unknown, BlockFlags.None, 0), Is.False);
        Assert.That(store.IsFull);
        Assert.That(store.ReadCounters().LiveBlocks, Is.Zero);
    }

    [Test]
    public void TheMemoryCapStopsRecordingToo()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        pages.CommitsLeft = 2; // a leaf of the index and one step of records, as a cap would allow
        nuint recorded = 0;
        while (store.Insert((recorded + 1) * 64, 8, AllocationApi.Unknown, BlockFlags.None, 0))
        {
            recorded++;
        }

        Assert.That(recorded, Is.EqualTo((RecordSlabs.CommitStepByteCount / PackedRecord.ByteCount) - 1));
        Assert.That(store.IsFull);
    }

    [Test]
    public void AnAddressBeyondUserSpaceIsDroppedWithoutStoppingTheRest()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        Assert.That(store.Insert(unchecked((nuint)0xFFFF_8000_0000_0000), 8, AllocationApi.Unknown, BlockFlags.None, 0), Is.False);
        Assert.That(store.IsFull, Is.False);
        Assert.That(store.ReadCounters().Dropped, Is.EqualTo(1));
        Assert.That(store.Insert(unchecked((nuint)0x7FFF_FFFF_FFF0), 8, AllocationApi.Unknown, BlockFlags.None, 0));
    }

    [Test]
    public void HugeReservationsThatAreRefusedAreTriedSmaller()
    {
        using TestPages pages = new() { ReserveLimit = 64 << 20 };
        RecordStore? store = RecordStore.TryCreate(pages);
        Assert.That(store, Is.Not.Null);
        Assert.That(store!.Insert(0x1000, 8, AllocationApi.Unknown, BlockFlags.None, 0));
        Assert.That(store.TryRemove(0x1000, out _));
    }

    [Test]
    public void AnyRefusalWhileTheTableIsMadeIsAnAnswerNotACrash()
    {
        int made = 0;
        for (int calls = 0; calls < 40; calls++)
        {
            using TestPages pages = new() { CallsLeft = calls };
            if (RecordStore.TryCreate(pages) is { } store)
            {
                made++;
                pages.CallsLeft = int.MaxValue;
                Assert.That(store.Insert(0x1000, 8, AllocationApi.Unknown, BlockFlags.None, 0));
            }
        }

        Assert.That(made, Is.InRange(1, 39));
    }
}
