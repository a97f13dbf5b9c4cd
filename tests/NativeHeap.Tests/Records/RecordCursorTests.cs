// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

/// <summary>A walk while others allocate and free.</summary>
[TestFixture]
internal sealed class RecordCursorTests
{
    private const int Stable = 500;
    private const nuint Origin = 0x5000_0000;
    private const nuint Distance = 160;

    [Test]
    public void TheCurrentRecordIsPinnedWhateverHappensToItsBlock()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        Insert(store, 0x1000, 10);
        Insert(store, 0x2000, 20);
        RecordCursor cursor = RecordCursor.Start(store);
        Assert.That(cursor.TryNext());
        store.TryRemove(0x1000, out _);
        store.TryRemove(0x2000, out _);
        Insert(store, 0x3000, 30);
        Assert.That(cursor.IsCurrentLive, Is.False);
        Assert.That(cursor.Current.BlockByteCount, Is.EqualTo((nuint)10));
        Assert.That(cursor.TryNext());
        Assert.That(cursor.Current.Address, Is.EqualTo((nuint)0x3000));
        Assert.That(cursor.TryNext(), Is.False);
        cursor.Dispose();
        Assert.That(store.ReadCounters().LiveBlocks, Is.EqualTo(1));
        Assert.That(store.FindBrokenInvariant(), Is.Null);
    }

    [Test]
    public void BlocksThatStayAreSeenExactlyOnceWhileOthersComeAndGo()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        for (uint i = 0; i < Stable; i++)
        {
            Insert(store, Origin + (i * Distance), 16);
        }

        bool stop = false;
        Thread[] writers = [.. Enumerable.Range(0, 2).Select(writer => new Thread(() => Churn(store, writer, ref stop)))];
        Array.ForEach(writers, static writer => writer.Start());
        try
        {
            for (int round = 0; round < 200; round++)
            {
                nuint[] seen = Walk(store);
                Assert.That(seen, Is.Ordered.Ascending.And.Unique);
                Assert.That(seen.Count(static address => (address - Origin) % Distance == 0), Is.EqualTo(Stable));
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            Array.ForEach(writers, static writer => writer.Join());
        }

        Assert.That(store.FindBrokenInvariant(), Is.Null);
    }

    // In the same windows as the blocks that stay (16 and 32 behind them) and in windows of their own.
    private static void Churn(RecordStore store, int writer, ref bool stop)
    {
        uint random = (uint)writer + 1;
        while (!Volatile.Read(ref stop))
        {
            random = (random * 1664525) + 1013904223;
            nuint address = Origin + ((random >> 16) % Stable * Distance) + (writer == 0 ? 16u : 32u);
            address += (random >> 28 & 1) * 64;
            if (!store.TryRemove(address, out _))
            {
                Insert(store, address, 16);
            }
        }
    }

    private static nuint[] Walk(RecordStore store)
    {
        List<nuint> seen = [];
        using RecordCursor cursor = RecordCursor.Start(store);
        while (cursor.TryNext())
        {
            seen.Add(cursor.Current.Address);
        }

        return [.. seen];
    }

    private static void Insert(RecordStore store, nuint address, nuint byteCount)
        => Assert.That(store.Insert(address, byteCount, AllocationApi.Unknown, BlockFlags.None, 0));
}
