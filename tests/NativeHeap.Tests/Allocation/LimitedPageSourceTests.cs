// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Allocation;

[TestFixture]
internal sealed unsafe class LimitedPageSourceTests
{
    private const nuint Page = 4096;
    private const nuint Step = 2 << 20;

    [Test]
    public void OnlyPagesThatWereTouchedAreCounted()
    {
        IPageSource pages = Platform.Pages;
        nuint memory = pages.AllocatePrivate(64 * Page);
        try
        {
            Assert.That(pages.CountTouched(memory, 64 * Page), Is.EqualTo(nuint.Zero));
            // Safety: inside the 64 pages.
            *(byte*)(memory + (5 * Page)) = 1;
            *(byte*)(memory + (63 * Page) + 7) = 1;
            Assert.That(pages.CountTouched(memory, 64 * Page), Is.EqualTo(2 * Page));
            Assert.That(pages.CountTouched(memory, 5 * Page), Is.EqualTo(nuint.Zero));
        }
        finally
        {
            pages.Release(memory, 64 * Page);
        }
    }

    [Test]
    public void WhatIsTouchedReachesTheLimitAndWhatIsOnlyCommittedDoesNot()
    {
        using TestPages inner = new();
        long elsewhere = 0;
        LimitedPageSource pages = new(inner, () => elsewhere) { ByteLimit = 3 * (long)Step };
        nuint memory = pages.Reserve(16 * Step);
        pages.BeginCharging();
        for (nuint i = 0; i < 8; i++)
        {
            Assert.That(pages.Commit(memory + (i * Step), Step), "nothing is touched yet");
        }

        // Safety: inside the committed eight steps.
        new Span<byte>((void*)memory, (int)Step).Fill(1);
        Assert.That(pages.UsedByteCount, Is.EqualTo((long)Step));
        elsewhere = (long)Step;
        Assert.That(pages.Commit(memory + (8 * Step), Step), "a step touched, a step elsewhere, and this one");
        elsewhere++;
        Assert.That(pages.Commit(memory + (9 * Step), Step), Is.False);
        Assert.That(pages.WasRefusedByLimit);
        Assert.That(pages.AllocatePrivate(Step), Is.EqualTo(nuint.Zero));
        Assert.That(pages.AllocateShared(Step), Is.EqualTo(nuint.Zero));
        pages.Release(memory, 16 * Step);
        Assert.That(pages.UsedByteCount, Is.EqualTo(elsewhere));
        nuint more = pages.AllocatePrivate(Page);
        Assert.That(more, Is.Not.EqualTo(nuint.Zero), "what was given back is room again");
    }

    [Test]
    public void WhatTheSystemRefusesIsNotTheLimit()
    {
        using TestPages inner = new() { CallsLeft = 1 };
        LimitedPageSource pages = new(inner, static () => 0) { ByteLimit = 1 << 30 };
        nuint memory = pages.Reserve(Step);
        pages.BeginCharging();
        Assert.That(pages.Commit(memory, Step), Is.False);
        Assert.That(pages.WasRefusedByLimit, Is.False);
        Assert.That(pages.UsedByteCount, Is.Zero);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void MemoryThatRunsOutAmidEightThreadsEndsRecordingAndKeepsWhatIsRecordedInOrder(bool byLimit)
    {
        const int Threads = 8, Blocks = 40_000;
        using TestPages inner = new();
        LimitedPageSource pages = new(inner, static () => 0);
        RecordStore store = RecordStore.TryCreate(pages)!;
        pages.ByteLimit = byLimit ? 5L << 20 : long.MaxValue;
        pages.BeginCharging();
        // The index has its leaves before memory gets short: records run out, not addresses.
        for (int lane = 0; lane < Threads; lane++)
        {
            Assert.That(store.Insert(Address(lane, Blocks), 1, AllocationApi.Unknown, BlockFlags.None, 0));
            Assert.That(store.TryRemove(Address(lane, Blocks), out _));
        }

        inner.CommitsLeft = byLimit ? int.MaxValue : 1;
        bool[][] recorded = new bool[Threads][];
        using Barrier everybody = new(Threads);
        int wrong = 0;
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(lane => new Thread(() =>
        {
            recorded[lane] = new bool[Blocks];
            everybody.SignalAndWait();
            for (int i = 0; i < Blocks; i++)
            {
                recorded[lane][i] = store.Insert(Address(lane, i), (nuint)(i + 1), AllocationApi.Unknown, BlockFlags.None, 0);
            }

            everybody.SignalAndWait();
            for (int i = 0; i < Blocks; i++)
            {
                bool isFound = store.TryRemove(Address(lane, i), out BlockRecord removed);
                if (isFound != recorded[lane][i] || (isFound && removed.BlockByteCount != (nuint)(i + 1)))
                {
                    Interlocked.Increment(ref wrong);
                }
            }
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        int taken = recorded.Sum(static lane => lane.Count(static isTaken => isTaken));
        RecordCounters counters = store.ReadCounters();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(store.IsFull);
            Assert.That(pages.WasRefusedByLimit, Is.EqualTo(byLimit));
            Assert.That(wrong, Is.Zero);
            Assert.That(taken, Is.InRange(1, (Threads * Blocks) - 1), "the end came in the middle");
            Assert.That(counters.Allocated, Is.EqualTo(taken + Threads));
            Assert.That(counters.Dropped, Is.EqualTo((Threads * Blocks) - taken));
            Assert.That(counters.LiveBlocks, Is.Zero);
        }
    }

    // One arena of 32 MiB for each thread, as glibc would give them.
    private static nuint Address(int lane, int block) => (nuint)(((lane + 1) * 0x400_0000L) + (block * 64L));
}
