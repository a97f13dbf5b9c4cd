// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Tests;

/// <summary>Five threads, a million pairs each, under readers of every kind.</summary>
[TestFixture]
internal sealed class PairStressTests
{
    private const int Writers = 5;
    private const int Pairs = 1_000_000;
    private const int LivePerWriter = 1000;
    private const nuint Base = 0x4000_0000;
    private const nuint Spacing = 80;

    [Test]
    public void FiveMillionPairsUnderLookupsWalksAndStalledReaders()
    {
        using LitmusPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        Findings findings = new();
        int writing = Writers;
        bool IsOver() => Volatile.Read(ref writing) == 0;
        Crew.Run(
        [
            .. Enumerable.Range(0, Writers).Select(writer => (Action)(() =>
            {
                Write(store, writer, findings);
                Interlocked.Decrement(ref writing);
            })),
            () => LookUp(store, findings, IsOver),
            () => Walk(store, findings, IsOver),
            () => Stall(store, findings, IsOver),
        ]);
        RecordCounters counters = store.ReadCounters();
        Assert.That(findings.Problem, Is.Null);
        Assert.That(store.FindBrokenInvariant(), Is.Null);
        Assert.That(counters.Freed, Is.EqualTo((long)Writers * Pairs));
        Assert.That(counters.Allocated, Is.EqualTo(counters.Freed));
        Assert.That(counters.LiveBlocks, Is.Zero);
        Assert.That(counters.LiveBytes, Is.Zero);
        Assert.That(store.Epochs.IsQuiet);
        Assert.That(store.Epochs.ReadCounters().Revocations, Is.GreaterThan(0), "the garbage never came to its bound");
    }

    // Allocates into a ring of live blocks and frees the oldest, so that records and slots are reused all the time.
    private static void Write(RecordStore store, int writer, Findings findings)
    {
        for (int i = 0; i < Pairs + LivePerWriter; i++)
        {
            nuint address = AddressOf(writer, i % LivePerWriter);
            if (i >= LivePerWriter)
            {
                bool isRemoved = store.TryRemove(address, out BlockRecord removed);
                findings.Expect(isRemoved && removed.Site == Blocks.SiteOf(address), "a block's own record was not there");
            }

            if (i < Pairs)
            {
                Blocks.Insert(store, address);
            }

            if (i == LivePerWriter)
            {
                findings.AwaitReaders();
            }
        }
    }

    private static void LookUp(RecordStore store, Findings findings, Func<bool> isOver)
    {
        for (uint random = 1; !isOver(); random = (random * 1664525) + 1013904223)
        {
            nuint address = AddressOf((int)(random >> 8) % Writers, (int)(random >> 16) % LivePerWriter);
            using EpochGuard guard = store.Epochs.Enter();
            using EpochGuard nested = store.Epochs.Enter();
            if (store.TryFind(in nested, address, out RecordHandle found))
            {
                findings.Note(Blocks.Check(address, in found));
                found.Dispose();
                findings.LookedUp++;
            }
        }
    }

    private static void Walk(RecordStore store, Findings findings, Func<bool> isOver)
    {
        while (!isOver())
        {
            using RecordCursor cursor = RecordCursor.Start(store);
            while (cursor.TryNext() && !isOver())
            {
                nuint address = cursor.Current.Address;
                findings.Note(Blocks.Check(address, cursor.Current));
                findings.Walked++;
                // The same block again, by a byte inside it, while the cursor holds it; it may have been freed meanwhile.
                using EpochGuard guard = store.Epochs.Enter();
                if (store.TryFindInterior(in guard, address + Blocks.SizeOf(address) - 1, out RecordHandle found))
                {
                    findings.Note(Blocks.Check(address, in found));
                    found.Dispose();
                }
            }
        }
    }

    // Stays inside its guard until it is revoked, with a record pinned, which must stay as it was.
    private static void Stall(RecordStore store, Findings findings, Func<bool> isOver)
    {
        for (uint random = 7; !isOver(); random = (random * 1664525) + 1013904223)
        {
            nuint address = AddressOf((int)(random >> 8) % Writers, (int)(random >> 16) % LivePerWriter);
            using EpochGuard guard = store.Epochs.Enter();
            if (!store.TryFind(in guard, address, out RecordHandle held))
            {
                continue;
            }

            findings.Stalls++;
            while (!guard.IsRevoked && !isOver())
            {
                Thread.Sleep(1);
            }

            findings.Note(Blocks.Check(address, in held));
            held.Dispose();
        }
    }

    private static nuint AddressOf(int writer, int place)
        => Base + ((nuint)(uint)((writer * LivePerWriter) + place) * Spacing);

    /// <summary>What the threads have to say; each count belongs to one thread.</summary>
    private sealed class Findings
    {
        private string? _problem;
        private long _lookedUp;
        private long _walked;
        private long _stalls;

        public string? Problem => _problem;

        public ref long LookedUp => ref _lookedUp;

        public ref long Walked => ref _walked;

        public ref long Stalls => ref _stalls;

        public void Note(string? problem) => Interlocked.CompareExchange(ref _problem, problem, null);

        public void Expect(bool condition, string problem) => Note(condition ? null : problem);

        /// <summary>Returns when every reader is among the blocks; they stay there until the writers are done.</summary>
        public void AwaitReaders()
        {
            while (Volatile.Read(ref _lookedUp) == 0 || Volatile.Read(ref _walked) == 0 || Volatile.Read(ref _stalls) == 0)
            {
                Thread.Yield();
            }
        }
    }
}
