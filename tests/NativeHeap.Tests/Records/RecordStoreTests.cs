// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

/// <summary>One thread. The addresses are made up: a store never touches the blocks it describes.</summary>
[TestFixture]
internal sealed unsafe class RecordStoreTests
{
    private static readonly nuint Far = unchecked((nuint)0x7000_0000_1230);

    private TestPages _pages = null!;
    private RecordStore _store = null!;

    [SetUp]
    public void CreateStore()
    {
        _pages = new TestPages();
        _store = RecordStore.TryCreate(_pages)!;
        Assert.That(_store, Is.Not.Null);
    }

    [TearDown]
    public void ReleaseStore()
    {
        Assert.That(_store.FindBrokenInvariant(), Is.Null);
        _pages.Dispose();
    }

    [Test]
    public void ARecordHoldsWhatWasInserted()
    {
        Assert.That(_store.Insert(Far, 77, AllocationApi.MarshalAllocHGlobal, BlockFlags.Aligned, 42));
        using EpochGuard guard = _store.Epochs.Enter();
        Assert.That(_store.TryFind(in guard, Far, out RecordHandle found));
        using (found)
        {
            Assert.That(found.IsLive);
            Assert.That(found.Record.Address, Is.EqualTo(Far));
            Assert.That(found.Record.BlockByteCount, Is.EqualTo((nuint)77));
            Assert.That(found.Record.Api, Is.EqualTo(AllocationApi.MarshalAllocHGlobal));
            Assert.That(found.Record.Flags, Is.EqualTo(BlockFlags.Aligned));
            Assert.That(found.Record.Site, Is.EqualTo(42u));
        }
    }

    [Test]
    public void ABlockIsRemovedOnceAndASecondFreeIsUnknown()
    {
        Insert(0x1000, 5);
        Assert.That(_store.TryRemove(0x1000, out BlockRecord removed));
        Assert.That(removed.BlockByteCount, Is.EqualTo((nuint)5));
        Assert.That(_store.TryRemove(0x1000, out _), Is.False);
        Assert.That(_store.TryRemove(Far, out _), Is.False, "no leaf there");
        Assert.That(Live(), Is.Zero);
    }

    [Test]
    public void AnEmptyHandleIsSafeToDisposeAndRefusesToShowARecord()
    {
        RecordHandle handle = default;
        handle.Dispose();
        bool thrown = false;
        try
        {
            _ = handle.Record.Address;
        }
        catch (ObjectDisposedException)
        {
            thrown = true;
        }

        Assert.That(thrown);
        Assert.That(handle.IsLive, Is.False);
    }

    [Test]
    public void OrdinalsGrowWithinAThread()
    {
        ulong last = 0;
        for (nuint i = 1; i <= 300; i++)
        {
            Insert(i * 64, 8);
            _store.TryRemove(i * 64, out BlockRecord record);
            Assert.That(record.Ordinal, Is.GreaterThan(last));
            last = record.Ordinal;
        }
    }

    [Test]
    public void AnAddressThatIsNotAlignedTo16IsKeptBesideItsNeighbours()
    {
        for (nuint offset = 0; offset < 16; offset++)
        {
            Insert(0x5000 + offset, 1 + offset);
        }

        for (nuint offset = 0; offset < 16; offset++)
        {
            Assert.That(_store.TryRemove(0x5000 + offset, out BlockRecord removed));
            Assert.That(removed.Address, Is.EqualTo(0x5000 + offset));
            Assert.That(removed.BlockByteCount, Is.EqualTo(1 + offset));
        }

        Assert.That(Live(), Is.Zero);
    }

    [Test]
    public void AStaleRecordIsReplacedAndCounted()
    {
        Insert(0x2000, 10);
        Insert(0x2000, 20);
        RecordCounters counters = _store.ReadCounters();
        Assert.That(counters.Replaced, Is.EqualTo(1));
        Assert.That(counters.LiveBlocks, Is.EqualTo(1));
        Assert.That(counters.LiveBytes, Is.EqualTo(20));
        Assert.That(_store.TryRemove(0x2000, out BlockRecord removed));
        Assert.That(removed.BlockByteCount, Is.EqualTo((nuint)20));
        Assert.That(_store.TryRemove(0x2000, out _), Is.False);
    }

    // The tally of the window says that its second slot is in use, whatever came and went beside it.
    [Test]
    public void AStaleRecordInASecondSlotIsReplacedByTheShortWay()
    {
        // As in the heap: neighbours of the same tally come and go.
        Insert(0x2000, 10);
        Insert(0x2020, 10);
        Insert(0x2080, 10);
        Insert(0x20A0, 10);
        Assert.That(_store.TryRemove(0x20A0, out _));
        Assert.That(_store.TryRemove(0x2000, out _));
        Assert.That(_store.FindBrokenInvariant(), Is.Null);
        Insert(0x2020, 20);
        Assert.That(_store.ReadCounters().Replaced, Is.EqualTo(1));
        Assert.That(_store.TryRemove(0x2020, out BlockRecord removed));
        Assert.That(removed.BlockByteCount, Is.EqualTo((nuint)20));
        Assert.That(_store.TryRemove(0x2020, out _), Is.False);
        Assert.That(_store.FindBrokenInvariant(), Is.Null);
    }

    [Test]
    public void AStaleRecordThatAReaderHoldsIsReplacedAllTheSame()
    {
        Insert(0x2000, 10);
        using EpochGuard guard = _store.Epochs.Enter();
        Assert.That(_store.TryFind(in guard, 0x2000, out RecordHandle held));
        Insert(0x2000, 20);
        Assert.That(held.Record.BlockByteCount, Is.EqualTo((nuint)10));
        Assert.That(held.IsLive, Is.False);
        held.Dispose();
        Assert.That(_store.ReadCounters().LiveBlocks, Is.EqualTo(1));
    }

    // A cursor's pin outlives its guard. Between the moment at which a free saw no pin and the question for readers, a reader that
    // was counted before can have pinned the record and left.
    [Test]
    public void ARecordPinnedByAReaderThatHasLeftIsNotRecycled()
    {
        Assert.That(ThreadNumbers.Initialize());
        Insert(0x2000, 10);
        uint* slot = _store.Approach(0x2000);
        EpochGuard guard = _store.Epochs.Enter();
        nuint address = 0x2000;
        Assert.That(_store.TryTake(slot, 0x2000, out uint entry));
        *slot = entry; // as the reader saw it before
        Assert.That(_store.TryFindNext(in guard, ref address, 0x2001, out RecordHandle held));
        *slot = 0;
        guard.Dispose();
        RecordStripe* stripe = _store.OpenStripe(ThreadNumbers.Current);
        Assert.That(stripe != null, "this thread has a number");
        Assert.That(_store.TryRecycle(stripe, entry, 10), Is.False);
        _store.EndRemoval(entry);
        Assert.That(held.Record.BlockByteCount, Is.EqualTo((nuint)10));
        held.Dispose();
        Assert.That(_store.FindBrokenInvariant(), Is.Null);
    }

    [Test]
    public void ARestoredRecordIsTheOldOneAndCountsOnce()
    {
        Insert(0x3000, 33);
        _store.TryRemove(0x3000, out BlockRecord before);
        Assert.That(_store.Restore(in before));
        RecordCounters counters = _store.ReadCounters();
        Assert.That((counters.Allocated, counters.Freed, counters.LiveBlocks, counters.LiveBytes), Is.EqualTo((1L, 0L, 1L, 33L)));
        _store.TryRemove(0x3000, out BlockRecord after);
        Assert.That(after, Is.EqualTo(before));
    }

    [Test]
    public void TheFrozenWorldSeesEveryLiveRecordAndNoOther()
    {
        HashSet<nuint> expected = [];
        for (nuint i = 1; i <= 5000; i++)
        {
            Insert(i * 48, i % 48);
            expected.Add(i * 48);
        }

        for (nuint i = 1; i <= 5000; i += 3)
        {
            _store.TryRemove(i * 48, out _);
            expected.Remove(i * 48);
        }

        (nuint Start, uint Record)[] seen = FrozenView.Collect(_store);
        Assert.That(seen.Select(static block => block.Start), Is.EqualTo(expected.Order()), "in order of address");
        foreach ((nuint start, uint record) in seen)
        {
            PackedRecord* at = _store.Slabs.First + record;
            Assert.That(at->State, Is.EqualTo(RecordState.Live));
            Assert.That(PackedRecord.ReadByteCount(at, _store.Slabs.First), Is.EqualTo(start / 48 % 48));
        }

        Assert.That(_store.Slabs.First[0].State, Is.EqualTo(RecordState.Empty), "index 0 means none");
    }

    [Test]
    public void RecordsAreReusedWhenNobodyReads()
    {
        for (int round = 0; round < 10_000; round++)
        {
            Insert(0x9000, 1);
            _store.TryRemove(0x9000, out _);
        }

        Assert.That(_store.Slabs.HighWater, Is.LessThanOrEqualTo(RecordSlabs.BatchCount));
    }

    [Test]
    public void CountersAddUp()
    {
        Insert(0x100, 10);
        Insert(0x200, 20);
        _store.TryRemove(0x100, out _);
        _store.CountUnknownFree();
        RecordCounters counters = _store.ReadCounters();
        Assert.That(counters.Allocated, Is.EqualTo(2));
        Assert.That(counters.AllocatedBytes, Is.EqualTo(30));
        Assert.That(counters.Freed, Is.EqualTo(1));
        Assert.That(counters.LiveBlocks, Is.EqualTo(1));
        Assert.That(counters.LiveBytes, Is.EqualTo(20));
        Assert.That(counters.UnknownFrees, Is.EqualTo(1));
        Assert.That(counters.Garbage, Is.Zero);
        Assert.That(counters.IsFull, Is.False);
        Assert.That(counters.MetadataByteCount, Is.GreaterThan((nuint)0));
    }

    private void Insert(nuint address, nuint byteCount)
        => Assert.That(_store.Insert(address, byteCount, AllocationApi.Unknown, BlockFlags.None, 0));

    private long Live() => _store.ReadCounters().LiveBlocks;
}
