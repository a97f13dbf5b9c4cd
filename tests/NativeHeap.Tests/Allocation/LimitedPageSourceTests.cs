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

    // The table's heads, which are on the account from the beginning.
    private const long Heads = 16 * (long)Page;

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
    public void GrowthIsChargedBeforeItIsTouchedAndASparseTableAsItIs()
    {
        using TestPages inner = new();
        LimitedPageSource pages = new(inner, static () => (long)Step) { ByteLimit = (3 * (long)Step) + Heads };
        nuint memory = pages.Reserve(16 * Step);
        pages.BeginCharging();
        Assert.That(pages.ChargedByteCount, Is.EqualTo((long)Step + Heads), "what is taken elsewhere");
        Assert.That(pages.CommitSparse(memory, 8 * Step), "not charged yet");
        Assert.That(pages.TryCharge(Step));
        Assert.That(pages.Commit(memory + (8 * Step), Step));
        Assert.That(pages.TryCharge(1), Is.False);
        Assert.That(pages.WasRefusedByLimit);
        Assert.That(pages.Commit(memory + (9 * Step), Page), Is.False);
        Assert.That(pages.AllocatePrivate(Page), Is.EqualTo(nuint.Zero));
        Assert.That(pages.AllocateShared(Page), Is.EqualTo(nuint.Zero));
        // Safety: inside the committed steps.
        new Span<byte>((void*)memory, (int)Page).Fill(1);
        Assert.That(pages.UsedByteCount, Is.EqualTo((long)(Step + Page)));
        Assert.That(pages.ChargedByteCount, Is.EqualTo(pages.ByteLimit));
        pages.Charge(-(nint)Step);
        Assert.That(pages.TryCharge(Step), "what was not used is room again");
        pages.Release(memory, 16 * Step);
        Assert.That(pages.UsedByteCount, Is.EqualTo((long)Step));
        Assert.That(pages.AllocatePrivate(Step), Is.Not.EqualTo(nuint.Zero), "and what was given back");
    }

    // A start in every window, in every page of slots, and in every region: what one record costs differs by a factor of 1,000.
    [TestCase(64, 6)]
    [TestCase(64 << 10, 6)]
    [TestCase(256 << 10, 6)]
    [TestCase(256 << 10, 40)]
    public void WhatIsInUseNeverPassesTheLimit(long spacing, long limitMegabytes)
    {
        const int Threads = 4;
        using TestPages inner = new();
        LimitedPageSource pages = new(inner, static () => 0) { ByteLimit = limitMegabytes << 20 };
        RecordStore store = RecordStore.TryCreate(pages)!;
        pages.BeginCharging();
        long recorded = 0;
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(lane => new Thread(() =>
        {
            // The table's addresses end at 2^47.
            for (long i = lane; i < (1L << 47) / spacing && store.Insert((nuint)(i * spacing), 16, AllocationApi.Unknown,
                BlockFlags.None, 0); i += Threads)
            {
                Interlocked.Increment(ref recorded);
            }
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(store.IsFull);
            Assert.That(pages.WasRefusedByLimit);
            Assert.That(recorded, Is.GreaterThan(100));
            Assert.That(pages.UsedByteCount, Is.LessThanOrEqualTo(pages.ChargedByteCount), "paid for before it was touched");
            // A thread's first 128 bytes cannot be refused: each of these threads may have come to a page of stripes of its own.
            Assert.That(pages.ChargedByteCount, Is.LessThanOrEqualTo((limitMegabytes << 20) + (Threads * (long)Page)));
            // The account is at most four times what a sparse index takes.
            Assert.That(pages.UsedByteCount, Is.GreaterThan(limitMegabytes << 17));
            Assert.That(store.FindBrokenInvariant(), Is.Null);
        }
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
