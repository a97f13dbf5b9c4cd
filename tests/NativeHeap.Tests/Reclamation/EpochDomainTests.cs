// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Reclamation;

[TestFixture]
internal sealed class EpochDomainTests
{
    private TestPages _pages = null!;
    private RecordStore _store = null!;

    [SetUp]
    public void CreateStore()
    {
        _pages = new TestPages();
        _store = RecordStore.TryCreate(_pages)!;
    }

    [TearDown]
    public void ReleaseStore()
    {
        Assert.That(_store.FindBrokenInvariant(), Is.Null);
        _pages.Dispose();
    }

    [Test]
    public void WithoutGuardsEverythingMayBeReclaimed()
    {
        Assert.That(_store.Epochs.IsQuiet);
        Assert.That(_store.Epochs.OldestGuard(), Is.EqualTo(ulong.MaxValue));
    }

    [Test]
    public void TheOutermostGuardOfAThreadDecides()
    {
        EpochDomain epochs = _store.Epochs;
        ulong first = epochs.CurrentEpoch;
        EpochGuard outer = epochs.Enter();
        epochs.Advance();
        EpochGuard inner = epochs.Enter();
        Assert.That(epochs.ActiveReaders, Is.EqualTo(1), "guards of one thread nest");
        Assert.That(epochs.OldestGuard(), Is.EqualTo(first));
        inner.Dispose();
        Assert.That(epochs.OldestGuard(), Is.EqualTo(first));
        outer.Dispose();
        Assert.That(epochs.IsQuiet);
    }

    [Test]
    public void AnInnerGuardMayOutliveTheOuterOne()
    {
        EpochDomain epochs = _store.Epochs;
        ulong first = epochs.CurrentEpoch;
        EpochGuard outer = epochs.Enter();
        epochs.Advance();
        EpochGuard inner = epochs.Enter();
        outer.Dispose();
        Assert.That(epochs.OldestGuard(), Is.EqualTo(first), "the thread never left");
        Assert.That(epochs.IsQuiet, Is.False);
        inner.Dispose();
        Assert.That(epochs.IsQuiet);
    }

    [Test]
    public void GuardsOfTwoDomainsMayInterleave()
    {
        using TestPages pages = new();
        EpochDomain other = EpochDomain.TryCreate(pages)!;
        EpochDomain epochs = _store.Epochs;
        EpochGuard first = epochs.Enter();
        EpochGuard foreign = other.Enter();
        EpochGuard second = epochs.Enter();
        first.Dispose();
        Assert.That(epochs.IsQuiet, Is.False);
        Assert.That(other.IsQuiet, Is.False);
        foreign.Dispose();
        Assert.That(other.IsQuiet);
        second.Dispose();
        Assert.That(epochs.IsQuiet);
    }

    [Test]
    public void DisposingAGuardTwiceEndsItOnce()
    {
        EpochGuard first = _store.Epochs.Enter();
        EpochGuard second = _store.Epochs.Enter();
        first.Dispose();
        first.Dispose();
        Assert.That(_store.Epochs.IsQuiet, Is.False);
        second.Dispose();
        Assert.That(_store.Epochs.IsQuiet);
    }

    [Test]
    public void MoreReadersThanSlotsAreLegalAndAreRevokedFromTheStart()
    {
        EpochDomain epochs = _store.Epochs;
        EpochActor[] actors = [.. Enumerable.Range(0, EpochDomain.SlotCount + 3).Select(_ => new EpochActor(epochs))];
        Array.ForEach(actors, static actor => actor.Enter());
        Assert.That(epochs.ActiveReaders, Is.EqualTo(actors.Length));
        Assert.That(actors.Count(static actor => actor.IsRevoked()), Is.EqualTo(3));
        Assert.That(epochs.ReadCounters().Unslotted, Is.EqualTo(3));
        RetireSome(10);
        Assert.That(_store.ReadCounters().Garbage, Is.EqualTo(10));
        Array.ForEach(actors, static actor => actor.Dispose());
        Assert.That(epochs.IsQuiet);
        RetireSome(1);
        Assert.That(_store.ReadCounters().Garbage, Is.Zero);
    }

    [Test]
    public void RetiredRecordsWaitForAnOlderGuardAndAreReclaimedAfterIt()
    {
        uint before;
        using (_store.Epochs.Enter())
        {
            RetireSome(1000);
            RecordCounters held = _store.ReadCounters();
            Assert.That(held.Garbage, Is.EqualTo(1000), "a stalled reader costs memory");
            Assert.That(held.LiveBlocks, Is.Zero, "and nothing else");
            before = _store.Slabs.HighWater;
        }

        // The queue drains in batches, as records are retired.
        for (int i = 0; i < 20; i++)
        {
            RetireSome(1);
        }

        Assert.That(_store.ReadCounters().Garbage, Is.Zero);
        RetireSome(1000);
        Assert.That(_store.Slabs.HighWater, Is.EqualTo(before), "the reclaimed records were used again");
    }

    [Test]
    public void AYoungerReaderDoesNotHoldBackWhatWasRetiredBeforeIt()
    {
        using EpochActor older = new(_store.Epochs);
        using EpochActor younger = new(_store.Epochs);
        older.Enter();
        RetireSome(200);
        _store.Epochs.Advance();
        younger.Enter();
        older.Exit();
        // Retirements under the younger guard are garbage; the drain they trigger takes the 200 older ones.
        RetireSome(200);
        Assert.That(_store.ReadCounters().Garbage, Is.InRange(1, 200));
    }

    [Test]
    public void APinKeepsARecordWhenItsGuardIsGone()
    {
        _store.Insert(0x1000, 1, AllocationApi.Unknown, BlockFlags.None, 11);
        uint index = 0;
        EpochGuard guard = _store.Epochs.Enter();
        _store.TryFind(in guard, 0x1000, out RecordHandle found);
        index = found.Index;
        _store.TryRemove(0x1000, out _);
        guard.Dispose();
        RetireSome(500);
        Assert.That(found.Record.Site, Is.EqualTo(11u));
        Assert.That(found.Index, Is.EqualTo(index));
        found.Dispose();
        _store.Insert(0x2000, 1, AllocationApi.Unknown, BlockFlags.None, 12);
        using EpochGuard again = _store.Epochs.Enter();
        _store.TryFind(in again, 0x2000, out RecordHandle reused);
        Assert.That(reused.Index, Is.EqualTo(index), "the last pin gave it back");
        reused.Dispose();
    }

    [Test]
    public void GuardsOfManyThreadsAreAllCounted()
    {
        const int Threads = 8;
        using Barrier barrier = new(Threads + 1);
        Thread[] threads = new Thread[Threads];
        for (int i = 0; i < Threads; i++)
        {
            threads[i] = new Thread(() =>
            {
                for (int round = 0; round < 1000; round++)
                {
                    using EpochGuard guard = _store.Epochs.Enter();
                }

                using (_store.Epochs.Enter())
                {
                    barrier.SignalAndWait();
                    barrier.SignalAndWait();
                }
            });
            threads[i].Start();
        }

        barrier.SignalAndWait();
        Assert.That(_store.Epochs.ActiveReaders, Is.EqualTo(Threads));
        barrier.SignalAndWait();
        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        Assert.That(_store.Epochs.IsQuiet);
        Assert.That(_store.Epochs.OldestGuard(), Is.EqualTo(ulong.MaxValue));
    }

    private void RetireSome(int count)
    {
        for (uint i = 1; i <= count; i++)
        {
            Assert.That(_store.Insert(i * 16, 1, AllocationApi.Unknown, BlockFlags.None, 0));
            Assert.That(_store.TryRemove(i * 16, out _));
        }
    }
}
