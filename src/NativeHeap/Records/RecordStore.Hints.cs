// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what hints change in a live record: its flags and its site; and a walk without an end of its own.
// Who calls it: RecordHandle, for LeakHints and for scopes; RecordCursor.
// The one idea: the caller holds a pin, so the record stays this block's; after the change it looks whether the block is
// still in the index. If it is, whoever frees it reads the record later and sees the change.
// Safety: entries come from pinned handles.
using NativeLeak.NativeHeap.Reclamation;

namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class RecordStore
{
    /// <summary>As the other, up to the end of the address space.</summary>
    public bool TryFindNext(scoped in EpochGuard guard, scoped ref nuint address, out RecordHandle found)
        => TryFindNext(in guard, ref address, (nuint)1 << AddressIndex.AddressBits, out found);

    /// <summary>Changes the flags of a pinned record. False when its block is being freed.</summary>
    internal bool TryChangeFlags(uint entry, nuint address, BlockFlags add, BlockFlags remove)
        => RecordStateWord.TryChangeFlags(ref _entries[entry].StateWord, add, remove) && EntryAt(address) == entry;

    /// <summary>Changes the site of a pinned record. False when its block is being freed.</summary>
    internal bool TryChangeSite(uint entry, nuint address, uint site)
    {
        ref ulong word = ref _entries[entry].SiteAndOrdinal;
        while (EntryAt(address) == entry)
        {
            // Order: only the start of the loop.
            ulong seen = Volatile.Read(ref word);
            // Order: whole eight bytes change at once, so that no reader sees half an ordinal; pairs with Decode.
            if (Interlocked.CompareExchange(ref word, PackedRecord.WithSite(seen, site), seen) == seen)
            {
                return true;
            }
        }

        return false;
    }
}
