// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the walk backwards from any byte to the starts of blocks before it.
// Who calls it: RecordStore.TryFindInterior.
// The one idea: no start lies further back than the largest block ever entered; whole leaves that do not exist and
// whole regions that never held a start are skipped, so a huge block costs one byte per 4,096 slots, not its length.
// Safety: directory and leaves are never given back; a leaf is used only after its pointer was read from the
// directory.

namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class AddressIndex
{
    /// <summary>
    /// Finds the nearest entry at or before <paramref name="address"/>, which becomes the start of its granule.
    /// Cost: at most LargestBlock / 32 MiB directory words, 512 region bytes per leaf, 4,096 slots per region with
    /// starts.
    /// </summary>
    /// <param name="address">In: where to start. Out: the granule that holds the entry.</param>
    /// <param name="floor">No address below is looked at.</param>
    /// <param name="index">The record's index.</param>
    public bool TryPrevious(ref nuint address, nuint floor, out uint index)
    {
        nuint granule = Math.Min(address, ((nuint)1 << AddressBits) - 1) >> _shift;
        nuint lowest = floor >> _shift;
        while (granule >= lowest)
        {
            // Order: acquires the committed leaf; pairs with the compare-exchange in CreateLeaf.
            uint* leaf = (uint*)Volatile.Read(ref _directory[granule >> SlotBits]);
            nuint first = leaf == null ? granule & ~SlotMask : granule & ~(((nuint)1 << RegionBits) - 1);
            if (leaf != null && IsTouched(leaf, granule))
            {
                for (nuint at = granule; ; at--)
                {
                    // Order: acquires the record that the exchange published; pairs with RecordStore.Insert.
                    index = Volatile.Read(ref leaf[at & SlotMask]);
                    if (index != 0 && at >= lowest)
                    {
                        address = at << _shift;
                        return true;
                    }

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

            granule = first - 1;
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

    private bool IsTouched(uint* leaf, nuint granule)
        => _regions[(nuint)((byte*)(leaf + (granule & SlotMask)) - _leaves) >> (RegionBits + 2)] != 0;
}
