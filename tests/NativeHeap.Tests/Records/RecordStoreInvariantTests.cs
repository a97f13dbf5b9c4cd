// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

/// <summary>The checker itself: it must see what is broken.</summary>
[TestFixture]
internal sealed unsafe class RecordStoreInvariantTests
{
    [Test]
    public void ABrokenStoreIsSeenAsBroken()
    {
        using TestPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        Assert.That(store.FindBrokenInvariant(), Is.Null, "an empty store");
        for (nuint i = 1; i <= 10; i++)
        {
            store.Insert(i * 16, i, AllocationApi.Unknown, BlockFlags.None, 0);
        }

        store.TryRemove(16, out _);
        Assert.That(store.FindBrokenInvariant(), Is.Null);
        BlockRecord* record = store.Slabs.First + 5;
        BlockRecord saved = *record;
        record->StateWord = 0;
        Assert.That(store.FindBrokenInvariant(), Does.Contain("invariant 1"), "a record lost from all lists");
        *record = saved;
        record->Address += 16;
        Assert.That(store.FindBrokenInvariant(), Does.Contain("invariant 2"), "a record under another's address");
        *record = saved;
        record->SizeApiFlags += 1;
        Assert.That(store.FindBrokenInvariant(), Does.Contain("invariant 4"), "a size that does not add up");
        *record = saved;
        store.Slabs.First[1].StateWord = (uint)RecordState.Retired;
        Assert.That(store.FindBrokenInvariant(), Does.Contain("invariant 3"), "a retired record in the free list");
    }
}
