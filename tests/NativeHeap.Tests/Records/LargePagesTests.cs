// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

/// <summary>Where the table asks for large pages, and what it does where it gets none.</summary>
[TestFixture]
internal sealed class LargePagesTests
{
    private const nuint LargeByteCount = 2 << 20;
    private const nuint RegionAddresses = 256 << 10;
    private const int Regions = AddressIndex.RegionsPerStretch;
    private const int SmallStretches = AddressIndex.LeastRegions / Regions;

    [TestCase(false)]
    [TestCase(true)]
    public void AGrowingDenseIndexIsAskedForLargePagesStretchByStretch(bool isRefused)
    {
        using TestPages inner = new() { RefusesLarge = isRefused };
        LimitedPageSource pages = new(inner, static () => 0);
        RecordStore store = RecordStore.TryCreate(pages)!;
        pages.BeginCharging();
        long before = pages.ChargedByteCount;
        int wanted = SmallStretches + 2;
        Touch(store, 0, (SmallStretches * Regions) - 1, step: 1);
        Assert.That(inner.LargeRequests, Has.Count.EqualTo(SmallStretches - 1), "full stretches of a small index, merged later");
        Touch(store, (SmallStretches * Regions) - 1, 2, step: 1);
        Assert.That(inner.LargeRequests, Has.Count.EqualTo(SmallStretches + 1), "the first touch behind a dense stretch");
        nuint metadata = store.ReadCounters().MetadataByteCount;
        Assert.That(metadata, Is.GreaterThanOrEqualTo((nuint)(SmallStretches + (isRefused ? 0 : 1)) * LargeByteCount),
            "a large page is in use as a whole");
        Touch(store, (SmallStretches * Regions) + 1, (wanted * Regions) - (SmallStretches * Regions) - 1, step: 1);
        long charged = pages.ChargedByteCount - before;
        using (Assert.EnterMultipleScope())
        {
            // A stretch that was refused is asked for again when it is full.
            Assert.That(inner.LargeRequests, Has.Count.EqualTo(wanted + (isRefused ? 2 : 0)));
            Assert.That(inner.LargeRequests.Distinct().Count(), Is.EqualTo(wanted));
            Assert.That(inner.LargeRequests, Is.All.Matches<(nuint Address, nuint ByteCount)>(
                static request => request.Address % LargeByteCount == 0 && request.ByteCount == LargeByteCount));
            Assert.That(charged, Is.GreaterThanOrEqualTo(wanted * (long)LargeByteCount), "paid for whole");
            Assert.That(charged, Is.LessThan((wanted + 2) * (long)LargeByteCount), "and once; the rest is records and leaves");
            Assert.That(pages.UsedByteCount, Is.LessThanOrEqualTo(pages.ChargedByteCount));
            Assert.That(store.FindBrokenInvariant(), Is.Null);
        }
    }

    [Test]
    public void AnIndexThatIsTouchedHereAndThereGetsNone()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        // Three of four regions: less than dense, and never full.
        for (int i = 0; i < 4; i++)
        {
            if (i != 2)
            {
                Touch(store, i, 8 * Regions / 4, step: 4);
            }
        }

        Assert.That(pages.LargeRequests, Is.Empty);
        Assert.That(store.FindBrokenInvariant(), Is.Null);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void RecordsGetLargePagesOnceTheyAreMany(bool isRefused)
    {
        const uint Few = 520_000, Many = 800_000;
        using TestPages pages = new() { RefusesLarge = isRefused };
        RecordStore store = RecordStore.TryCreate(pages)!;
        Insert(store, 0, Few);
        Assert.That(Steps(), Is.Zero, "a small process");
        Insert(store, Few, Many);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Steps(), Is.EqualTo(4), "the full steps below 8 MiB together, each of 131,072 entries above");
            Assert.That(store.Slabs.UsedByteCount,
                Is.EqualTo(isRefused ? (nuint)store.Slabs.HighWater * PackedRecord.ByteCount : 14 << 20));
            Assert.That(store.FindBrokenInvariant(), Is.Null);
        }

        int Steps() => pages.LargeRequests.Count(request => request.Address - SlabsOf(store) < (nuint)1 << 33);
    }

    // The order in which threads come to a stretch is not the order of addresses, but nearly.
    [Test]
    public void LargePagesKeepToTheLimitWhileFourThreadsTouchTheIndex()
    {
        const long Limit = 40 << 20;
        const int Threads = 4;
        using TestPages inner = new();
        LimitedPageSource pages = new(inner, static () => 0) { ByteLimit = Limit };
        RecordStore store = RecordStore.TryCreate(pages)!;
        pages.BeginCharging();
        long next = -1;
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(() =>
        {
            while (store.Insert((nuint)Interlocked.Increment(ref next) * RegionAddresses, 16, AllocationApi.Unknown, BlockFlags.None, 0))
            {
            }
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(store.IsFull && pages.WasRefusedByLimit);
            Assert.That(inner.LargeRequests, Has.Count.GreaterThan(SmallStretches));
            Assert.That(pages.UsedByteCount, Is.LessThanOrEqualTo(pages.ChargedByteCount), "paid for before it was touched");
            // As in LimitedPageSourceTests: a page of stripes for each thread cannot be refused.
            Assert.That(pages.ChargedByteCount, Is.LessThanOrEqualTo(Limit + (Threads * 4096)));
            Assert.That(store.FindBrokenInvariant(), Is.Null);
        }
    }

    // Blocks 64 bytes apart touch 50 MiB of addresses: far too few for the index.
    private static void Insert(RecordStore store, uint from, uint to)
    {
        for (uint i = from; i < to; i++)
        {
            store.Insert((nuint)(i + 1) * 64, 16, AllocationApi.Unknown, BlockFlags.None, 0);
        }
    }

    private static unsafe nuint SlabsOf(RecordStore store) => (nuint)store.Slabs.First; // Safety: only a number here

    private static void Touch(RecordStore store, int first, int count, int step)
    {
        for (int i = 0; i < count; i++)
        {
            nuint region = (nuint)(first + ((long)i * step));
            Assert.That(store.Insert((region * RegionAddresses) + 4096, 16, AllocationApi.Unknown, BlockFlags.None, 0));
        }
    }
}
