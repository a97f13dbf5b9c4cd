// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Tests;

/// <summary>Many threads, one block.</summary>
[TestFixture]
internal sealed class FreeStressTests
{
    [Test]
    public void OfSixteenFreesOfOneBlockOneWinsAndFifteenAreDoubleFrees()
    {
        const int Threads = 16;
        const int Rounds = 3000;
        using LitmusPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        int[] wins = new int[Rounds];
        int[] losses = new int[Rounds];
        // The action runs on one thread while all wait: it makes the block that all are then let loose on.
        using Barrier barrier = new(Threads, phase => Blocks.Insert(store, AddressOf((int)phase.CurrentPhaseNumber)));
        Action[] threads = new Action[Threads];
        Array.Fill(threads, () =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                barrier.SignalAndWait();
                bool isRight = store.TryRemove(AddressOf(round), out BlockRecord removed);
                Interlocked.Increment(ref isRight ? ref wins[round] : ref losses[round]);
                if (isRight && (removed.Address != AddressOf(round) || removed.Site != Blocks.SiteOf(AddressOf(round))))
                {
                    wins[round] += Threads;
                }
            }
        });
        Crew.Run(threads);
        Assert.That(wins, Has.All.EqualTo(1));
        Assert.That(losses, Has.All.EqualTo(Threads - 1));
        Assert.That(store.ReadCounters().Freed, Is.EqualTo(Rounds));
        Assert.That(store.FindBrokenInvariant(), Is.Null);

        // Two blocks of one cache line in turn, so that records and slots are reused at once.
        static nuint AddressOf(int round) => 0x10_0000 + ((nuint)(uint)(round & 1) * 16);
    }
}
