// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Annotations;

/// <summary>Hints about blocks that are freed at the same time: nothing that was noted may outlive its block.</summary>
[TestFixture]
internal sealed class HintRaceTests
{
    private const nuint Address = 4096;

    [Test]
    public void AHintOnABlockThatWasFreedInBetweenIsTakenBack()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        AnnotationTable table = AnnotationTable.TryCreate(pages)!;
        store.Insert(Address, 64, AllocationApi.Unknown, BlockFlags.None, 1);
        using EpochGuard guard = store.Epochs.Enter();
        Assert.That(store.TryFind(in guard, Address, out RecordHandle found));
        using (RecordHandle block = found)
        {
            Assert.That(store.TryRemove(Address, out BlockRecord removed));
            Assert.That(removed.Flags, Is.EqualTo(BlockFlags.None), "the free has nothing to drop");
            Assert.That(BlockHints.TryAnnotate(table, in block, AnnotationKind.Tag, 1, 0), Is.False);
            Assert.That(block.TryChangeSite(9), Is.False);
        }

        Assert.That(table.Count, Is.Zero);
    }

    [Test]
    public void AFlagIsReadBackWithTheRecordAndSurvivesAFailedReallocation()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        store.Insert(Address, 64, AllocationApi.Unknown, BlockFlags.Aligned, 1);
        using (EpochGuard guard = store.Epochs.Enter())
        {
            Assert.That(store.TryFind(in guard, Address, out RecordHandle found));
            using RecordHandle block = found;
            ulong ordinal = block.Record.Ordinal;
            Assert.That(block.TryChangeFlags(BlockFlags.Annotated | BlockFlags.NotLeak, BlockFlags.None));
            Assert.That(block.TryChangeFlags(BlockFlags.Ignored, BlockFlags.NotLeak));
            Assert.That(block.TryChangeSite(0xABCDE));
            Assert.That((block.Record.Site, block.Record.Ordinal), Is.EqualTo((0xABCDEu, ordinal)));
        }

        Assert.That(store.TryRemove(Address, out BlockRecord removed));
        Assert.That(store.Restore(in removed));
        Assert.That(store.TryRemove(Address, out removed));
        Assert.That(removed.Flags, Is.EqualTo(BlockFlags.Aligned | BlockFlags.Annotated | BlockFlags.Ignored));
        Assert.That(removed.Site, Is.EqualTo(0xABCDEu));
        Assert.That(store.FindBrokenInvariant(), Is.Null);
    }

    [Test]
    public void NoHintOutlivesItsBlockWhileOneThreadFreesAndAnotherHints()
    {
        long orphans = CountOrphans(dropsAfterFailure: true, out long hints);
        Assert.That(hints, Is.GreaterThan(0), "the threads must meet");
        Assert.That(orphans, Is.Zero);
    }

    [Test]
    public void TheSameRaceLeavesHintsBehindWhenNobodyLooksWhetherTheBlockIsStillThere()
        => Assert.That(CountOrphans(dropsAfterFailure: false, out _), Is.GreaterThan(0),
            "the control must leave some; otherwise the test above proves nothing");

    private static long CountOrphans(bool dropsAfterFailure, out long hints)
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        AnnotationTable table = AnnotationTable.TryCreate(pages)!;
        long given = 0;
        bool isOver = false;
        Thread hinter = new(() =>
        {
            while (!Volatile.Read(ref isOver))
            {
                given += TryHint(store, table, dropsAfterFailure) ? 1 : 0;
            }
        });
        hinter.Start();
        SpinWait wait = default;
        // Until the hinter was met often enough and the control left something behind (more than the hint that the block of
        // the moment may have): on a busy machine threads take turns, and 50,000 rounds are over within one of them.
        bool IsEnough() => Volatile.Read(ref given) >= 1000 && (dropsAfterFailure || table.Count > 1);
        for (int i = 0; i < 50_000 || (!IsEnough() && i < 100_000_000); i++)
        {
            store.Insert(Address, 64, AllocationApi.Unknown, BlockFlags.None, 1);
            if (i % 64 == 0)
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }

            store.TryRemove(Address, out BlockRecord removed);
            if ((removed.Flags & BlockFlags.Annotated) != 0)
            {
                table.Drop(removed.Address, removed.Ordinal);
            }
        }

        Volatile.Write(ref isOver, true);
        hinter.Join();
        Assert.That(store.FindBrokenInvariant(), Is.Null);
        hints = given;
        return table.Count;
    }

    private static bool TryHint(RecordStore store, AnnotationTable table, bool dropsAfterFailure)
    {
        using EpochGuard guard = store.Epochs.Enter();
        if (!store.TryFind(in guard, Address, out RecordHandle found))
        {
            return false;
        }

        using RecordHandle block = found;
        if (dropsAfterFailure)
        {
            return BlockHints.TryAnnotate(table, in block, AnnotationKind.Tag, 1, 0);
        }

        BlockRecord record = block.Record;
        table.TrySet(record.Address, record.Ordinal, AnnotationKind.Tag, 1);
        return block.TryChangeFlags(BlockFlags.Annotated, BlockFlags.None);
    }
}
