// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

/// <summary>What ended threads had set aside goes to younger ones.</summary>
[TestFixture]
internal sealed class HeirTests
{
    [TestCase(false)]
    [TestCase(true)]
    public void ThousandsOfThreadsOneAfterTheOtherNeedTheEntriesOfOneOnlyIfTheyInherit(bool inherit)
    {
        const int Threads = 5000, Blocks = 100;
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        for (ushort thread = 1; thread <= Threads; thread++)
        {
            if (inherit && thread > 1)
            {
                store.Inherit((ushort)(thread - 1), thread);
            }

            // The store knows threads by their numbers only; frees are done by this thread, and entries come back to its stripe.
            for (nuint block = 0; block < Blocks; block++)
            {
                store.Insert(0x10000 + (block * 64), 8, AllocationApi.Unknown, BlockFlags.None, 0, thread);
            }

            for (nuint block = 0; block < Blocks; block++)
            {
                Assert.That(store.TryRemove(0x10000 + (block * 64), out BlockRecord removed));
                Assert.That(removed.ThreadNumber, Is.EqualTo(thread));
            }
        }

        Assert.That(store.FindBrokenInvariant(), Is.Null);
        // Without, each leaves the rest of its second batch behind.
        Assert.That(store.Slabs.HighWater, inherit ? Is.LessThan(1000) : Is.GreaterThan(Threads * 28));
    }

    [Test]
    public void AnHeirThatHasEntriesOfItsOwnKeepsBoth()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        foreach (ushort thread in (ushort[])[1, 2])
        {
            for (nuint block = 0; block < 10; block++)
            {
                store.Insert((thread * (nuint)0x10000) + (block * 64), 8, AllocationApi.Unknown, BlockFlags.None, 0, thread);
            }
        }

        store.Inherit(1, 2);
        store.Inherit(1, 2);
        store.Inherit(2, 2);
        store.Inherit(3, 2);
        Assert.That(store.FindBrokenInvariant(), Is.Null);
        uint before = store.Slabs.HighWater;
        for (nuint block = 0; block < 2 * (RecordSlabs.BatchCount - 10) - 1; block++)
        {
            store.Insert(0x40000 + (block * 64), 8, AllocationApi.Unknown, BlockFlags.None, 0, 2);
        }

        Assert.That(store.Slabs.HighWater, Is.EqualTo(before), "all that both had is used first");
        store.Insert(0x80000, 8, AllocationApi.Unknown, BlockFlags.None, 0, 2);
        Assert.That(store.Slabs.HighWater, Is.GreaterThan(before));
        Assert.That(store.FindBrokenInvariant(), Is.Null);
    }
}
