// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how the index grows by a leaf.
// Who calls it: FindOrCreate, where no block ever was within 128 MiB.
// The one idea: a leaf is published by one exchange; who loses keeps its leaf as a spare.
// Safety: as in AddressIndex.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class AddressIndex
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    private uint* CreateLeaf(nuint address)
    {
        nuint window = address >> _windowShift;
        nuint entry = window >> SlotBits;
        if (address >> AddressBits != 0)
        {
            return null;
        }

        nuint leaf = TakeLeaf();
        if (leaf == 0)
        {
            // Another thread may have created it in the meantime.
            return Find(address);
        }

        // Order: before the leaf is published, so that a walk over the list of leaves misses none that is in use; pairs
        // with the reads in FrozenIndex and TryNextLeaf. A loser's leaf is listed twice, which walks put up with.
        Volatile.Write(ref _leafEntries[(leaf - (nuint)_leaves) / LeafByteCount], (uint)entry + 1);

        // Order: publishes a committed, zeroed leaf; pairs with the read in Find. The loser keeps its leaf as a spare.
        nuint winner = Interlocked.CompareExchange(ref _directory[entry], leaf, 0);
        if (winner != 0)
        {
            // Order: one exchange; a spare that is pushed out is only address space, never touched.
            Interlocked.Exchange(ref _header->SpareLeaf, leaf);
            leaf = winner;
        }

        return (uint*)leaf + (window & SlotMask);
    }

    private nuint TakeLeaf()
    {
        // Order: whoever gets a non-zero spare is its only owner.
        nuint spare = Interlocked.Exchange(ref _header->SpareLeaf, 0);
        if (spare != 0)
        {
            return spare;
        }

        // Order: each leaf number is handed out once.
        nuint number = (nuint)Interlocked.Increment(ref _header->NextLeaf) - 1;
        if (number >= _leafCapacity)
        {
            return 0;
        }

        // A leaf costs a page of the directory, of the list of leaves, of the stretches, of regions and of tallies; its own as
        // they are touched.
        nuint leaf = (nuint)_leaves + (number * LeafByteCount);
        return _pages.TryCharge(5 * _pages.PageByteCount) && _pages.CommitSparse(leaf, LeafByteCount) ? leaf : 0;
    }
}
