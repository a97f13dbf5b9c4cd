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
        PackedRecord* records = store.Slabs.First;
        PackedRecord saved = records[5];
        records[5].StateWord = (uint)RecordState.Empty;
        Assert.That(store.FindBrokenInvariant(), Does.Contain("invariant 2"), "a slot names a record that is not live");
        records[5] = saved;
        records[5].SizeAndOrdinal += 1;
        Assert.That(store.FindBrokenInvariant(), Does.Contain("invariant 4"), "a size that does not add up");
        records[5] = saved;
        uint free = FreeEntry(store);
        records[free].StateWord = (uint)RecordState.Retired;
        Assert.That(store.FindBrokenInvariant(), Does.Contain("invariant 3"), "a retired record in the free list");
        records[free].StateWord = (uint)RecordState.Empty;
        records[free].SizeAndOrdinal = free;
        Assert.That(store.FindBrokenInvariant(), Is.Null, "the list's count says where it ends");
        uint* slot = FindSlot(store, 5 * 16);
        uint word = *slot;
        *slot = 0;
        Assert.That(store.FindBrokenInvariant(), Does.Contain("invariant 1"), "a record lost from all places");
        *slot = word;
        Assert.That(store.FindBrokenInvariant(), Is.Null, "mended");
        store.LocateAligned(out nuint* directory, out byte* leaves, out byte* tallies);
        byte* tally = tallies + ((nuint)((byte*)directory[0] - leaves) >> (AddressIndex.TallyBits + 2));
        byte counted = *tally;
        Assert.That(counted, Is.GreaterThan(AddressIndex.TouchedTally), "blocks 16 apart use second slots");
        foreach (byte wrong in (byte[])[(byte)(counted - 1), (byte)(counted + 1), (byte)(counted ^ AddressIndex.TouchedTally)])
        {
            *tally = wrong;
            Assert.That(store.FindBrokenInvariant(), Does.Contain("invariant 9"));
        }

        *tally = counted;
    }

    private static uint FreeEntry(RecordStore store)
    {
        uint entry = 1;
        while (store.Slabs.First[entry].StateWord != 0 || store.Slabs.First[entry].SiteAndOrdinal == 0)
        {
            entry++;
        }

        return entry;
    }

    // Of blocks 16 apart the first has the slot, the others the sub-slots of a fork in the second one.
    private static uint* FindSlot(RecordStore store, nuint address)
    {
        FrozenRecords frozen = store.Freeze();
        uint* leaf = (uint*)frozen.Aligned.Directory[0];
        nuint window = address >> 6, granule = (address >> 4) & 3;
        uint second = leaf[window + AddressIndex.SecondOffset];
        return leaf[window] >> AddressIndex.GranuleShift == granule && leaf[window] != 0 ? leaf + window
            : (second & AddressIndex.ForkBit) == 0 ? leaf + window + AddressIndex.SecondOffset
            : (uint*)(frozen.Entries + (second & AddressIndex.IndexMask)) + granule;
    }
}
