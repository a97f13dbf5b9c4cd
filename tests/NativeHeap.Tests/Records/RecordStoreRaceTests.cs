// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

/// <summary>
/// Threads against threads. Each check that could pass by luck has a broken control that it must catch.
/// </summary>
[TestFixture]
internal sealed class RecordStoreRaceTests
{
    [Test]
    public void OfSixteenThreadsThatFreeOneBlockExactlyOneWins()
    {
        const int Threads = 16;
        const int Rounds = 400;
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        int[] winners = new int[Rounds];
        // The action runs on one thread while all wait: it makes the block that all are then let loose on.
        using Barrier barrier = new(Threads, phase =>
            store.Insert(Place((int)phase.CurrentPhaseNumber), 1, AllocationApi.Unknown, BlockFlags.None, 0));
        RunThreads(Threads, _ =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                barrier.SignalAndWait();
                if (store.TryRemove(Place(round), out BlockRecord removed))
                {
                    Assert.That(removed.Address, Is.EqualTo(Place(round)));
                    Interlocked.Increment(ref winners[round]);
                }
            }
        });

        Assert.That(winners, Has.All.EqualTo(1));
        Assert.That(store.FindBrokenInvariant(), Is.Null);
        Assert.That(store.ReadCounters().Freed, Is.EqualTo(Rounds));
        Assert.That(store.ReadCounters().LiveBlocks, Is.Zero);

        // The same address every other round, so that records and slots are reused at once.
        static nuint Place(int round) => 0x10_0000 + ((nuint)(uint)(round & 1) * 16);
    }

    [Test]
    public void ManyThreadsFreeManyBlocksAndEachIsFreedOnce()
    {
        const int Blocks = 20_000;
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        for (uint i = 1; i <= Blocks; i++)
        {
            store.Insert(i * 16, i & 15, AllocationApi.Unknown, BlockFlags.None, 0);
        }

        int wins = 0;
        RunThreads(16, _ =>
        {
            int mine = 0;
            for (uint i = 1; i <= Blocks; i++)
            {
                mine += store.TryRemove(i * 16, out BlockRecord _) ? 1 : 0;
            }

            Interlocked.Add(ref wins, mine);
        });

        Assert.That(wins, Is.EqualTo(Blocks));
        Assert.That(store.FindBrokenInvariant(), Is.Null);
        Assert.That(store.ReadCounters().LiveBlocks, Is.Zero);
        Assert.That(store.ReadCounters().LiveBytes, Is.Zero);
    }

    [Test]
    public void TwoThreadsThatCreateTheSameIndexLeafBothKeepTheirBlocks()
    {
        const int Threads = 4;
        const int Rounds = 100;
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        using Barrier barrier = new(Threads);
        RunThreads(Threads, thread =>
        {
            for (uint round = 1; round <= Rounds; round++)
            {
                nuint leaf = (nuint)round << 27;
                barrier.SignalAndWait();
                store.Insert(leaf + ((nuint)(uint)thread * 16), round & 15, AllocationApi.Unknown, BlockFlags.None, (uint)thread);
            }
        });

        Assert.That(store.FindBrokenInvariant(), Is.Null);
        for (uint round = 1; round <= Rounds; round++)
        {
            for (uint thread = 0; thread < Threads; thread++)
            {
                Assert.That(store.TryRemove(((nuint)round << 27) + (thread * 16), out BlockRecord removed));
                Assert.That((removed.BlockByteCount, removed.Site), Is.EqualTo(((nuint)(round & 15), thread)));
            }
        }

        Assert.That(store.IsFull, Is.False);
    }

    [Test]
    public void ALookupThatLosesItsBlockToAnotherOneFindsNothing()
        => Assert.That(LookUpWhileTheBlockIsReplaced(countGuards: true), Is.EqualTo((nuint)0));

    [Test]
    public void TheSameLookupIsFooledWhenReclamationIgnoresReaders()
        => Assert.That(LookUpWhileTheBlockIsReplaced(countGuards: false), Is.EqualTo((nuint)2),
            "the control must show the wrong block; otherwise the test above proves nothing");

    [Test]
    public void APinnedRecordNeverChangesUnderFourThreads()
        => Assert.That(CountWrongRecords(countGuards: true, lookups: 200_000, out long pinned), Is.Zero,
            $"of {pinned} pinned records");

    [Test]
    public void TheStressCatchesReclamationThatIgnoresReaders()
    {
        long wrong = 0;
        for (int round = 0; round < 20 && wrong == 0; round++)
        {
            wrong = CountWrongRecords(countGuards: false, lookups: 200_000, out _);
        }

        Assert.That(wrong, Is.GreaterThan(0), "the control was never caught: the stress is too weak to mean anything");
    }

    // Between reading the index and pinning, the block is freed and its record handed to another block (or not).
    private static nuint LookUpWhileTheBlockIsReplaced(bool countGuards)
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages, countGuards)!;
        store.Insert(0x1000, 1, AllocationApi.Unknown, BlockFlags.None, 0);
        store.TestHookBeforePin = () =>
        {
            store.TestHookBeforePin = null;
            store.TryRemove(0x1000, out _);
            store.Insert(0x2000, 2, AllocationApi.Unknown, BlockFlags.None, 0);
        };
        using EpochGuard guard = store.Epochs.Enter();
        if (!store.TryFind(in guard, 0x1000, out RecordHandle found))
        {
            return 0;
        }

        using (found)
        {
            return found.Record.BlockByteCount;
        }
    }

    // Four threads insert and remove; each address has one size and site, so a reader can tell a wrong record by
    // itself.
    private static long CountWrongRecords(bool countGuards, int lookups, out long pinned)
    {
        const int Writers = 4;
        const uint Places = 64;
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages, countGuards)!;
        bool stop = false;
        Thread[] writers = new Thread[Writers];
        for (int w = 0; w < Writers; w++)
        {
            int writer = w;
            writers[w] = new Thread(() =>
            {
                uint random = (uint)writer + 1;
                while (!Volatile.Read(ref stop))
                {
                    random = (random * 1664525) + 1013904223;
                    nuint address = Address((uint)writer, random >> 16 & (Places - 1));
                    if (!store.TryRemove(address, out _))
                    {
                        store.Insert(address, Size(address), AllocationApi.Unknown, BlockFlags.None, Site(address));
                    }
                }
            });
            writers[w].Start();
        }

        long wrong = 0;
        pinned = 0;
        uint next = 12345;
        if (!countGuards)
        {
            // The control reads as slowly as a reader that is preempted at the worst place.
            store.TestHookBeforePin = static () => Thread.SpinWait(200);
        }

        for (int i = 0; i < lookups; i++)
        {
            next = (next * 1664525) + 1013904223;
            nuint address = Address(next >> 28 & (Writers - 1), next >> 16 & (Places - 1));
            using EpochGuard guard = store.Epochs.Enter();
            if (store.TryFind(in guard, address, out RecordHandle found))
            {
                pinned++;
                BlockRecord first = found.Record;
                Thread.SpinWait(next >> 24 == 0 ? 2000 : 20);
                BlockRecord second = found.Record;
                bool isRight = first.Address == address && first.BlockByteCount == Size(address) && first.Site == Site(address)
                    && second.Address == address && second.Ordinal == first.Ordinal && second.BlockByteCount == first.BlockByteCount
                    && second.Site == first.Site && second.BirthTick == first.BirthTick
                    && second.ThreadNumber == first.ThreadNumber;
                wrong += isRight ? 0 : 1;
                found.Dispose();
            }
        }

        Volatile.Write(ref stop, true);
        foreach (Thread writer in writers)
        {
            writer.Join();
        }

        if (countGuards)
        {
            Assert.That(store.FindBrokenInvariant(), Is.Null);
        }

        return wrong;
    }

    private static nuint Address(uint writer, uint place) => 0x40_0000 + ((nuint)writer << 26) + (place * 32);

    private static nuint Size(nuint address) => (address >> 5) & 0xFFFF & 31;

    private static uint Site(nuint address) => ((uint)address * 2654435761) >> 12;

    private static void RunThreads(int count, Action<int> body)
    {
        Exception? failure = null;
        Thread[] threads = new Thread[count];
        for (int i = 0; i < count; i++)
        {
            int number = i;
            threads[i] = new Thread(() =>
            {
                try
                {
                    body(number);
                }
                catch (Exception exception)
                {
                    // Kept for the test's own thread, which fails with it.
                    failure = exception;
                }
            });
            threads[i].Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        Assert.That(failure, Is.Null);
    }
}
