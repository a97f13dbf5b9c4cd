// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus;

/// <summary>Made-up blocks: size and site follow from the address, so a reader can tell a wrong record by itself.</summary>
internal static class Blocks
{
    private const uint SiteMask = (1 << 20) - 1;

    public static nuint SizeOf(nuint address) => 1 + (nuint)(Mix(address) & 31);

    public static uint SiteOf(nuint address) => (uint)(Mix(address) >> 32) & SiteMask;

    public static void Insert(RecordStore store, nuint address) => Insert(store, address, SizeOf(address));

    /// <summary>As the other, with a size of its own.</summary>
    public static void Insert(RecordStore store, nuint address, nuint byteCount)
        => store.Insert(address, byteCount, AllocationApi.Unknown, BlockFlags.None, SiteOf(address));

    /// <summary>Removes a block's record as a free does: by the short way where it is open, else by the general one.</summary>
    /// <returns>Whether it was this call that took it.</returns>
    // Safety: entry and slot are only handed from the store to the store.
    public static unsafe bool RemoveAsAFreeDoes(RecordStore store, nuint address, bool isQuick)
    {
        ushort thread = ThreadNumbers.Current;
        uint* slot = store.Approach(address);
        if (!isQuick || slot == null || !store.TryTake(slot, address, out uint entry))
        {
            return store.Remove(address, thread).IsFound;
        }

        PackedRecord* record = store.RecordOf(entry);
        uint byteCount = PackedRecord.SizeOf(record->SizeAndOrdinal);
        RecordStripe* stripe = store.OpenStripe(thread);
        if (stripe == null || !RecordStateWord.IsPlain(record->SizeAndState, byteCount)
            || !store.TryRecycle(stripe, entry, byteCount))
        {
            store.EndRemoval(entry);
        }

        return true;
    }

    /// <summary>What is wrong with a record that a reader holds for the block at an address; null when nothing is.</summary>
    public static string? Check(nuint address, in RecordHandle found) => Check(address, found.Record);

    /// <summary>As the other, for a record that was read.</summary>
    public static string? Check(nuint address, in BlockRecord record)
        => record.Address == address && record.BlockByteCount == SizeOf(address) && record.Site == SiteOf(address) ? null
            : string.Create(CultureInfo.InvariantCulture, $"the record held for {address:x} (size {SizeOf(address)}, site "
                + $"{SiteOf(address)}) says address {record.Address:x}, size {record.BlockByteCount}, site {record.Site}");

    private static ulong Mix(nuint address)
    {
        ulong value = address * 0x9E37_79B9_7F4A_7C15UL;
        return value ^ (value >> 29);
    }
}
