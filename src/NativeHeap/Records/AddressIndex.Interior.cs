// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the walks over starts of blocks: backwards from any byte, forwards to the next start.
// Who calls it: RecordStore: interior lookup, overlap, cursor, FreePart.
// The one idea: no start lies further back than the largest block ever entered; whole leaves that do not exist and
// whole regions that never held a start are skipped, so a huge block costs one byte per 4,096 slots, not its length.
// Safety: directory, leaves and forks are never given back; a leaf is used only after its pointer was read from the
// directory.

namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class AddressIndex
{
    private static nuint MaximumAddress => ((nuint)1 << AddressBits) - 1;

    /// <summary>
    /// Finds the nearest entry at or before <paramref name="address"/>, which becomes the start of its granule.
    /// Cost: at most LargestBlock / 128 MiB directory words, 512 region bytes per leaf, 4,096 slots per region with
    /// starts.
    /// </summary>
    /// <param name="address">In: where to start. Out: the granule that holds the entry.</param>
    /// <param name="floor">No window below is looked at.</param>
    /// <param name="index">The record's index.</param>
    public bool TryPrevious(ref nuint address, nuint floor, out uint index)
    {
        nuint from = Math.Min(address, MaximumAddress);
        nuint window = from >> _windowShift;
        nuint lowest = floor >> _windowShift;
        uint granule = GranuleOf(from);
        while (window >= lowest)
        {
            // Order: acquires the committed leaf; pairs with the compare-exchange in CreateLeaf.
            uint* leaf = (uint*)Volatile.Read(ref _directory[window >> SlotBits]);
            nuint first = leaf == null ? window & ~SlotMask : window & ~RegionMask;
            uint* slots = leaf == null ? null : leaf + (window & SlotMask & ~RegionMask);
            if (slots != null && IsTouched(slots))
            {
                bool isAnySecond = IsTouched(slots + SecondOffset);
                for (nuint at = window; ; at--)
                {
                    Read(slots + (at & RegionMask), isAnySecond, out uint word, out uint second);
                    if ((word | second) != 0 && TryLast(word, second, ref granule, out index))
                    {
                        address = (at << _windowShift) + ((nuint)granule << _shift);
                        return true;
                    }

                    granule = GranuleMask;
                    if (at <= first || at <= lowest)
                    {
                        break;
                    }
                }
            }

            if (first == 0)
            {
                break;
            }

            granule = GranuleMask;
            window = first - 1;
        }

        index = 0;
        return false;
    }

    /// <summary>Finds the nearest entry at or after <paramref name="address"/>, which becomes its granule.</summary>
    /// <param name="address">In: where to start. Out: the granule that holds the entry.</param>
    /// <param name="end">No address at or above is found.</param>
    /// <param name="index">The record's index.</param>
    public bool TryNext(ref nuint address, nuint end, out uint index)
    {
        nuint last = Math.Min(end, MaximumAddress + 1);
        nuint from = address >= last ? last : (address + GranuleByteCount - 1) & ~(GranuleByteCount - 1);
        nuint window = from >> _windowShift;
        uint granule = GranuleOf(from);
        while (window << _windowShift < last)
        {
            nuint entry = window >> SlotBits;
            // Order: acquires the committed leaf; pairs with the compare-exchange in CreateLeaf.
            uint* leaf = (uint*)Volatile.Read(ref _directory[entry]);
            nuint leafEnd = Math.Min((entry + 1) << SlotBits, ((last - 1) >> _windowShift) + 1);
            while (leaf != null && TryNextWindow(leaf, ref window, leafEnd, ref granule, out uint word, out uint second))
            {
                if (TryFirst(word, second, ref granule, out index))
                {
                    address = (window << _windowShift) + ((nuint)granule << _shift);
                    return address < last;
                }

                window++;
                granule = 0;
            }

            if (!TryNextLeaf(ref entry))
            {
                break;
            }

            window = entry << SlotBits;
            granule = 0;
        }

        index = 0;
        return false;
    }

    /// <summary>The lowest start a block that covers <paramref name="address"/> can have.</summary>
    public nuint Floor(nuint address)
    {
        nuint reach = LargestBlock;
        return address > reach ? address - reach : 0;
    }

    // The first window from window on with a slot that is not 0, below end; window and granule move with it.
    private bool TryNextWindow(
        uint* leaf, ref nuint window, nuint end, ref uint granule, out uint word, out uint second)
    {
        while (window < end)
        {
            nuint regionEnd = Math.Min((window | RegionMask) + 1, end);
            uint* slots = leaf + (window & SlotMask);
            if (IsTouched(slots))
            {
                bool isAnySecond = IsTouched(slots + SecondOffset);
                nuint found = FirstUsed(slots, regionEnd - window);
                found = isAnySecond ? Math.Min(found, FirstUsed(slots + SecondOffset, regionEnd - window)) : found;
                if (found < regionEnd - window)
                {
                    granule = found == 0 ? granule : 0;
                    window += found;
                    // It may be gone again: then the words are 0.
                    Read(slots + found, isAnySecond, out word, out second);
                    return true;
                }
            }

            window = regionEnd;
            granule = 0;
        }

        word = second = 0;
        return false;
    }

    private static void Read(uint* slot, bool isAnySecond, out uint word, out uint second)
    {
        // Order: acquires the record that the compare-exchange published; pairs with RecordStore.Link.
        word = Volatile.Read(ref *slot);
        second = isAnySecond ? Volatile.Read(ref slot[SecondOffset]) : 0;
    }

    // Number of the first slot that is not 0, or count. Not the span's own search, nor vectors: that code would be
    // compiled inside somebody's allocation.
    private static nuint FirstUsed(uint* slots, nuint count)
    {
        nuint at = 0;
        while (at + 4 <= count && (*(ulong*)(slots + at) | *(ulong*)(slots + at + 2)) == 0)
        {
            at += 4;
        }

        while (at < count && slots[at] == 0)
        {
            at++;
        }

        return at;
    }

    // The entry in the highest granule that is not above the given one.
    private bool TryLast(uint word, uint second, ref uint granule, out uint index)
    {
        for (int at = (int)granule; at >= 0; at--)
        {
            index = Pick(word, second, (uint)at);
            if (index != 0)
            {
                granule = (uint)at;
                return true;
            }
        }

        index = 0;
        return false;
    }

    // The entry in the lowest granule that is not below the given one.
    private bool TryFirst(uint word, uint second, ref uint granule, out uint index)
    {
        for (uint at = granule; at <= GranuleMask; at++)
        {
            index = Pick(word, second, at);
            if (index != 0)
            {
                granule = at;
                return true;
            }
        }

        index = 0;
        return false;
    }

    // The leaf with the lowest entry above the given one. Few leaves: a search of the list is enough.
    private bool TryNextLeaf(ref nuint entry)
    {
        nuint best = nuint.MaxValue;
        // Order: every leaf published before is in the list; pairs with the write in CreateLeaf.
        long count = Math.Min(Volatile.Read(ref _header->NextLeaf), (long)_leafCapacity);
        for (long i = 0; i < count; i++)
        {
            // Order: as above.
            nuint candidate = Volatile.Read(ref _leafEntries[i]);
            if (candidate > entry + 1 && candidate < best)
            {
                best = candidate;
            }
        }

        entry = best - 1;
        return best != nuint.MaxValue;
    }

    private uint* Fork(uint word) => (uint*)(_entries + (word & IndexMask));
}
