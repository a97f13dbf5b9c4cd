// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Tests.Allocation;

[TestFixture]
internal sealed class ThreadNumberTableTests
{
    [Test]
    public void FreshNumbersComeFirstAndEndedThreadsNumbersAfterThem()
    {
        using TestPages pages = new();
        ThreadNumberTable table = ThreadNumberTable.TryCreate(pages, 4)!;
        List<ushort> numbers = [];
        for (int i = 0; i < 7; i++)
        {
            numbers.Add(OnNewThread(table, null));
        }

        Assert.That(numbers.Take(4), Is.EqualTo(new ushort[] { 1, 2, 3, 4 }));
        Assert.That(numbers.Skip(4), Has.All.InRange((ushort)1, (ushort)4));
        Assert.That(table.AssignedCount, Is.EqualTo(4));
        Assert.That(table.Describe(numbers[^1]), Does.Contain("bore this number before"));
    }

    [Test]
    public void ALiveThreadKeepsItsNumberHoweverManyCome()
    {
        using TestPages pages = new();
        ThreadNumberTable table = ThreadNumberTable.TryCreate(pages, 2)!;
        ushort mine = table.Assign();
        for (int i = 0; i < 20; i++)
        {
            Assert.That(OnNewThread(table, null), Is.Not.EqualTo(mine).And.Not.Zero);
        }

        Assert.That(table.Describe(mine), Does.Not.Contain("before"));
    }

    [Test]
    public void WhenAllBearersAreAliveTheThreadStaysUnknown()
    {
        using TestPages pages = new();
        ThreadNumberTable table = ThreadNumberTable.TryCreate(pages, 1)!;
        Assert.That(table.Assign(), Is.EqualTo((ushort)1));
        Assert.That(OnNewThread(table, null), Is.Zero);
        Assert.That(table.Describe(0), Is.EqualTo("unknown thread"));
        Assert.That(table.Describe(9), Is.EqualTo("unknown thread"));
    }

    [Test]
    public void AThreadIsDescribedByItsNameAlsoAfterItEnded()
    {
        using TestPages pages = new();
        ThreadNumberTable table = ThreadNumberTable.TryCreate(pages, 10)!;
        ushort number = OnNewThread(table, "ingest-7");
        Assert.That(table.Describe(number), Does.StartWith("T1 'ingest-7' (native id "));
    }

    [Test]
    public void WhatAnEndedThreadLeftIsClaimedOnceAndALivingThreadsNever()
    {
        using TestPages pages = new();
        ThreadNumberTable table = ThreadNumberTable.TryCreate(pages, 10)!;
        ushort mine = table.Assign();
        Assert.That(table.TryClaimEnded(out _), Is.False);
        List<ushort> ended = [OnNewThread(table, null), OnNewThread(table, null), OnNewThread(table, null)];
        List<ushort> claimed = [];
        for (int i = 0; i < 20; i++)
        {
            if (table.TryClaimEnded(out ushort number))
            {
                claimed.Add(number);
                Assert.That(number, Is.Not.EqualTo(mine));
                if (claimed.Count > 1)
                {
                    table.EndClaim(number);
                }
            }
        }

        Assert.That(claimed, Is.EquivalentTo(ended));
        // The one whose claim has not ended is nobody's yet; the others may bear threads again.
        for (int i = 0; i < 20; i++)
        {
            Assert.That(OnNewThread(table, null), Is.Not.EqualTo(claimed[0]).And.Not.EqualTo(mine));
        }
    }

    // A thread id that the kernel gave to somebody else: the bearer counts as alive, and nothing is taken from anybody.
    [Test]
    public void AnEndedThreadWhoseIdIsBorneByAnotherCountsAsAlive()
    {
        using TestPages pages = new();
        ThreadNumberTable table = ThreadNumberTable.TryCreate(pages, 2)!;
        Assert.That(table.Assign(), Is.EqualTo((ushort)1));
        Assert.That(table.Assign(), Is.EqualTo((ushort)2), "one living thread id behind two numbers");
        Assert.That(OnNewThread(table, null), Is.Zero);
        Assert.That(table.TryClaimEnded(out _), Is.False);
    }

    [Test]
    public void OfManyThreadsEachEndedOneIsClaimedByOne()
    {
        const int Ended = 200, Claimers = 8;
        using TestPages pages = new();
        ThreadNumberTable table = ThreadNumberTable.TryCreate(pages, 1000)!;
        for (int i = 0; i < Ended; i++)
        {
            OnNewThread(table, null);
        }

        int[] claims = new int[1001];
        using Barrier everybody = new(Claimers);
        Thread[] threads = [.. Enumerable.Range(0, Claimers).Select(_ => new Thread(() =>
        {
            table.Assign();
            everybody.SignalAndWait();
            for (int i = 0; i < 20 * Ended; i++)
            {
                if (table.TryClaimEnded(out ushort number))
                {
                    Interlocked.Increment(ref claims[number]);
                    table.EndClaim(number);
                }
            }

            everybody.SignalAndWait();
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        Assert.That(claims.Take(Ended + 1).Skip(1), Has.All.EqualTo(1));
        Assert.That(claims.Skip(Ended + 1), Has.All.Zero);
    }

    [Test]
    public void TheProcessesNumbersAreStableWithinAThreadAndDifferBetweenThreads()
    {
        Assert.That(ThreadNumbers.Initialize());
        ushort mine = ThreadNumbers.Current;
        Assert.That(mine, Is.Not.Zero);
        Assert.That(ThreadNumbers.Current, Is.EqualTo(mine));
        ushort other = 0;
        Thread thread = new(() => other = ThreadNumbers.Current);
        thread.Start();
        thread.Join();
        Assert.That(other, Is.Not.Zero.And.Not.EqualTo(mine));
        Assert.That(ThreadNumbers.Describe(mine), Does.StartWith($"T{mine} "));
    }

    private static ushort OnNewThread(ThreadNumberTable table, string? name)
    {
        ushort number = 0;
        Thread thread = new(() => number = table.Assign()) { Name = name };
        thread.Start();
        thread.Join();
        // Join returns when managed code is done; the kernel's thread ends a moment later.
        string description = table.Describe(number);
        int id = number == 0 ? 0 : int.Parse(description.Split("native id ")[1].Split(',')[0]);
        SpinWait.SpinUntil(() => !Directory.Exists($"/proc/self/task/{id}"), TimeSpan.FromSeconds(10));
        return number;
    }
}
