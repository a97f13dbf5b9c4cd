// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Reclamation;

/// <summary>Readers that die inside a guard, or stay there.</summary>
[TestFixture]
internal sealed class ReaderRecoveryTests
{
    private const nuint Base = 0x100_0000;

    private TestPages _pages = null!;
    private RecordStore _store = null!;
    private nuint _next;

    [SetUp]
    public void CreateStore()
    {
        CoarseClock.Start();
        ThreadNumbers.Initialize();
        _pages = new TestPages();
        _store = RecordStore.TryCreate(_pages)!;
        _next = Base;
    }

    [TearDown]
    public void ReleaseStore()
    {
        Assert.That(_store.FindBrokenInvariant(), Is.Null);
        _pages.Dispose();
    }

    [Test]
    public void AThreadThatDiesInsideAGuardIsRecognisedReleasedAndCounted()
    {
        EpochActor actor = new(_store.Epochs);
        actor.Enter();
        actor.Enter();
        actor.Die();
        actor.Dispose();
        Assert.That(_store.Epochs.IsQuiet, Is.False);
        while (_store.Epochs.ReleaseDead() == 0)
        {
            Thread.Yield();
        }

        Assert.That(_store.Epochs.IsQuiet);
        Assert.That(_store.Epochs.ReadCounters().DeadReleased, Is.EqualTo(1));
        Assert.That(_store.Epochs.ReleaseDead(), Is.Zero);
    }

    [Test]
    public void ALivingReaderIsNeverTakenForADeadOne()
    {
        using EpochActor actor = new(_store.Epochs);
        actor.Enter();
        Assert.That(_store.Epochs.ReleaseDead(thorough: true), Is.Zero);
        Assert.That(_store.Epochs.ActiveReaders, Is.EqualTo(1));
    }

    // The kernel gave the dead reader's thread id to a younger thread. Hooks, which read no files, take that one for the reader:
    // then nothing is released, which costs memory only. A report looks when the bearer was born.
    [Test]
    public void ADeadReaderWhoseThreadIdIsBorneByAYoungerThreadIsReleasedByTheThoroughLookOnly()
    {
        EpochActor actor = new(_store.Epochs);
        actor.Enter();
        actor.Die();
        actor.Dispose();
        using EpochActor young = new(_store.Epochs);
        young.Enter();
        GiveIdAway(minutesAgo: 0);
        Assert.That(_store.Epochs.ReleaseDead(), Is.Zero, "somebody bears that id");
        Assert.That(_store.Epochs.ReleaseDead(thorough: true), Is.Zero, "and may have been there when the guard began");
        GiveIdAway(minutesAgo: 60 * 24);
        Assert.That(_store.Epochs.ReleaseDead(), Is.Zero);
        Assert.That(_store.Epochs.ReleaseDead(thorough: true), Is.EqualTo(1), "it was born after the guard began");
        Assert.That(_store.Epochs.ActiveReaders, Is.EqualTo(1), "the young one's own guard is its own");
        young.Exit();
        Assert.That(_store.Epochs.IsQuiet);
    }

    // The first slot is the dead reader's, the second the young one's. As the kernel would: same identity, the other's id.
    private unsafe void GiveIdAway(int minutesAgo)
    {
        const System.Reflection.BindingFlags Hidden = System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic;
        object field = typeof(EpochDomain).GetField("_slots", Hidden)!.GetValue(_store.Epochs)!;
        // Safety: the domain's slots, of which two are in use.
        ReaderSlot* slots = (ReaderSlot*)System.Reflection.Pointer.Unbox(field);
        Assert.That((slots[0].Owner != 0, slots[1].Owner != 0), Is.EqualTo((true, true)));
        slots[0].Owner = (slots[0].Owner & ~0xFFFF_FFFFUL) | (uint)slots[1].Owner;
        // The clock counts ticks of 16 ms.
        slots[0].EnteredTick = unchecked(CoarseClock.NowTicks - (uint)(minutesAgo * 60_000 / 16));
    }

    [Test]
    public void ADeadReadersGarbageIsReclaimedByTheAllocatingThreadsThemselves()
    {
        EpochActor actor = new(_store.Epochs);
        actor.Enter();
        actor.Die();
        actor.Dispose();
        // However long the kernel takes to forget the thread: sooner or later a drain finds it gone.
        while (_store.Epochs.ReadCounters().DeadReleased == 0)
        {
            RetireSome(1000);
        }

        RetireSome(20_000);
        Assert.That(_store.ReadCounters().Garbage, Is.Zero);
        Assert.That(_store.Epochs.IsQuiet);
    }

    [Test]
    public void AStalledReaderBoundsTheGarbageAndIsRevoked()
    {
        using EpochActor actor = new(_store.Epochs);
        actor.Enter();
        RetireSome((int)EpochDomain.GarbageLimit * 5);
        // One thread's records go to one queue, which is looked at every 64 retirements.
        Assert.That(_store.ReadCounters().Garbage, Is.LessThanOrEqualTo(EpochDomain.GarbageLimit + 64));
        Assert.That(actor.IsRevoked());
        Assert.That(_store.Epochs.ReadCounters().Revocations, Is.EqualTo(1));
        Assert.That(_store.Slabs.HighWater, Is.LessThanOrEqualTo(EpochDomain.GarbageLimit * 2),
            "records are used again under the stalled reader");
        actor.Exit();
        actor.Enter();
        Assert.That(actor.IsRevoked(), Is.False, "a revocation is of one visit");
    }

    [Test]
    public void AReaderThatDiesAfterItWasRevokedIsReleasedToo()
    {
        EpochActor actor = new(_store.Epochs);
        actor.Enter();
        RetireSome((int)EpochDomain.GarbageLimit * 2);
        Assert.That(actor.IsRevoked());
        actor.Die();
        actor.Dispose();
        while (_store.Epochs.ReadCounters().DeadReleased == 0)
        {
            RetireSome(1000);
        }

        Assert.That(_store.Epochs.IsQuiet);
        RetireSome(10_000);
        Assert.That(_store.ReadCounters().Garbage, Is.Zero);
    }

    [Test]
    public void AReaderThatIsNotInTheWayIsNotRevoked()
    {
        using EpochActor actor = new(_store.Epochs);
        actor.Enter();
        RetireSome((int)EpochDomain.GarbageLimit / 2);
        Assert.That(actor.IsRevoked(), Is.False);
    }

    [Test]
    public void ARevokedReaderStillFindsLivingBlocks()
    {
        _store.Insert(0x1000, 7, AllocationApi.Unknown, BlockFlags.None, 3);
        using EpochGuard guard = _store.Epochs.Enter();
        RetireSome((int)EpochDomain.GarbageLimit * 2);
        Assert.That(guard.IsRevoked);
        Assert.That(_store.TryFind(in guard, 0x1000, out RecordHandle exact));
        Assert.That((exact.Record.BlockByteCount, exact.Record.Site), Is.EqualTo(((nuint)7, 3u)));
        exact.Dispose();
        Assert.That(_store.TryFindInterior(in guard, 0x1003, out RecordHandle interior));
        Assert.That(interior.Record.Site, Is.EqualTo(3u));
        interior.Dispose();
    }

    [Test]
    public void ARevokedReaderIsNotFooledByARecordThatWasUsedAgain()
    {
        _store.Insert(0x1000, 1, AllocationApi.Unknown, BlockFlags.None, 1);
        using EpochGuard guard = _store.Epochs.Enter();
        RetireSome((int)EpochDomain.GarbageLimit * 2);
        uint replaced = 0;
        _store.TestHookBeforePin = () =>
        {
            _store.TestHookBeforePin = null;
            _store.TryRemove(0x1000, out _);
            // Until somebody else's block has the very record that the lookup is about to pin.
            for (nuint at = 0x8000_0000; replaced == 0; at += 16)
            {
                _store.Insert(at, 2, AllocationApi.Unknown, BlockFlags.None, 2);
                replaced = IndexOf(at) == 1 ? 1u : 0;
            }
        };
        Assert.That(_store.TryFind(in guard, 0x1000, out RecordHandle found), Is.False, "the block is gone");
        found.Dispose();
        Assert.That(replaced, Is.EqualTo(1u), "the race did not happen");
    }

    [Test]
    public void AForkIsMadeOfAnEntryThatWasNeverARecord()
    {
        // A revoked reader may pin any entry that it once found as a record; four such are free.
        for (nuint at = 0x1_0000; at < 0x1_0400; at += 0x100)
        {
            _store.Insert(at, 1, AllocationApi.Unknown, BlockFlags.None, 0);
        }

        for (nuint at = 0x1_0000; at < 0x1_0400; at += 0x100)
        {
            _store.TryRemove(at, out _);
        }

        // Three blocks of one window make a fork; the last of the four is still free for a record.
        _store.Insert(0x2_0000, 1, AllocationApi.Unknown, BlockFlags.None, 1);
        _store.Insert(0x2_0010, 1, AllocationApi.Unknown, BlockFlags.None, 2);
        Assert.That(_store.ForkCount, Is.Zero);
        _store.Insert(0x2_0020, 1, AllocationApi.Unknown, BlockFlags.None, 3);
        Assert.That(_store.ForkCount, Is.EqualTo(1));
        _store.Insert(0x3_0000, 1, AllocationApi.Unknown, BlockFlags.None, 4);
        Assert.That(
            new[] { IndexOf(0x2_0000), IndexOf(0x2_0010), IndexOf(0x2_0020), IndexOf(0x3_0000) },
            Is.EquivalentTo(new[] { 1u, 2u, 3u, 4u }));
    }

    [Test]
    public void AStalledReaderIsNamedWithItsThreadAndItsTime()
    {
        using EpochActor actor = new(_store.Epochs, "slow reader");
        Assert.That(_store.Epochs.FindStalled(TimeSpan.Zero), Is.Empty);
        actor.Enter();
        StalledReader reader = _store.Epochs.FindStalled(TimeSpan.Zero).Single();
        Assert.That(reader.Held, Is.LessThan(TimeSpan.FromHours(1)));
        Assert.That(_store.Epochs.FindStalled(TimeSpan.FromDays(1)), Is.Empty);
        Assert.That(reader.ToString(), Does.Contain("'slow reader'").And.Contain("freed records wait for it"));
        RetireSome((int)EpochDomain.GarbageLimit * 2);
        Assert.That(_store.Epochs.FindStalled(TimeSpan.Zero).Single().ToString(), Does.Contain("goes on without it"));
    }

    [Test]
    public void FreeingMetadataTakesNoMemoryFromAnybody()
    {
        // Everything that reclaiming can do: at once, queued, drained, a reader revoked, a dead one released, a last pin.
        RetireSome(2000);
        using EpochActor stalled = new(_store.Epochs);
        EpochActor dead = new(_store.Epochs);
        stalled.Enter();
        dead.Enter();
        RetireSome((int)EpochDomain.GarbageLimit * 2);
        stalled.Exit();
        RetireSome(20_000);
        stalled.Enter();
        dead.Die();
        dead.Dispose();
        _store.Insert(0x1000, 1, AllocationApi.Unknown, BlockFlags.None, 1);
        EpochGuard guard = _store.Epochs.Enter();
        _store.TryFind(in guard, 0x1000, out RecordHandle pinned);

        _pages.CallsLeft = 0;
        long before = GC.GetAllocatedBytesForCurrentThread();
        _store.TryRemove(0x1000, out _);
        pinned.Dispose();
        guard.Dispose();
        bool areAllInserted = true;
        for (uint i = 0; i < EpochDomain.GarbageLimit * 4; i++)
        {
            areAllInserted &= _store.Insert(Base + (i % 64 * 16), 1, AllocationApi.Unknown, BlockFlags.None, 0);
            areAllInserted &= _store.TryRemove(Base + (i % 64 * 16), out _);
        }

        long made = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.That(made, Is.Zero, "bytes of GC memory");
        Assert.That(areAllInserted, "a page source that refuses everything was not even asked");
        Assert.That(_store.ReadCounters().IsFull, Is.False);
    }

    private void RetireSome(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _store.Insert(_next, 1, AllocationApi.Unknown, BlockFlags.None, 0);
            _store.TryRemove(_next, out _);
            _next = Base + ((_next - Base + 16) & 0xFFFF);
        }
    }

    private uint IndexOf(nuint address)
    {
        using EpochGuard guard = _store.Epochs.Enter();
        _store.TryFind(in guard, address, out RecordHandle handle);
        uint index = handle.Index;
        handle.Dispose();
        return index;
    }
}
