// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

/// <summary>What a block costs, in touched pages: no clock, no system.</summary>
[TestFixture]
internal sealed unsafe class RecordFootprintTests
{
    [TestCase(80, 24.0)]
    [TestCase(96, 24.0)]
    [TestCase(48, 24.0, Description = "of three windows one holds two starts")]
    [TestCase(32, 24.0, Description = "every window holds two starts")]
    [TestCase(16, 24.0, Description = "every window is a fork: no glibc does that")]
    public void ABlockCostsFewBytesOfMetadata(int distance, double most)
    {
        const int Blocks = 100_000;
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        for (uint i = 0; i < Blocks; i++)
        {
            store.Insert(unchecked((nuint)0x7000_0000_0010) + ((nuint)i * (uint)distance), 24, AllocationApi.Unknown, BlockFlags.None, 0);
        }

        Assert.That((double)store.ReadCounters().MetadataByteCount / Blocks, Is.LessThanOrEqualTo(most));
        Assert.That(store.FindBrokenInvariant(), Is.Null);
    }

    [Test]
    public void AForkIsMadeOnceAndServesItsWindowForGood()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        for (int round = 0; round < 1000; round++)
        {
            Assert.That(store.Insert(0x4000, 16, AllocationApi.Unknown, BlockFlags.None, 0));
            Assert.That(store.Insert(0x4030, 16, AllocationApi.Unknown, BlockFlags.None, 0));
            Assert.That(store.ForkCount, Is.EqualTo(Math.Min(round, 1)), "two starts have a slot each");
            Assert.That(store.Insert(0x4010, 16, AllocationApi.Unknown, BlockFlags.None, 0));
            Assert.That(store.TryRemove(0x4010, out _));
            Assert.That(store.TryRemove(0x4000, out _));
            Assert.That(store.TryRemove(0x4030, out _));
        }

        Assert.That(store.ForkCount, Is.EqualTo(1));
        Assert.That(store.Slabs.HighWater, Is.LessThanOrEqualTo(RecordSlabs.BatchCount));
        Assert.That(store.FindBrokenInvariant(), Is.Null);
    }

    [Test]
    public void ALargeBlocksSizeGoesWithItsRecord()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        ulong[] sizes = [(1UL << 29) - 1, 1UL << 29, (1UL << 30) - 1, 1UL << 30, 1UL << 40];
        for (int round = 0; round < 1000; round++)
        {
            foreach (ulong size in sizes)
            {
                Assert.That(store.Insert(0x10_0000, (nuint)size, AllocationApi.Unknown, BlockFlags.None, 0));
                Assert.That(store.ReadCounters().LiveBytes, Is.EqualTo((long)size));
                Assert.That(store.TryRemove(0x10_0000, out BlockRecord removed));
                Assert.That((ulong)removed.BlockByteCount, Is.EqualTo(size));
            }
        }

        Assert.That(store.Slabs.HighWater, Is.LessThanOrEqualTo(2 * RecordSlabs.BatchCount));
        Assert.That(store.FindBrokenInvariant(), Is.Null);
    }
}
