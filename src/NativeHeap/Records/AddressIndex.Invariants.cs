// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: leaves below the number handed out and all tables are committed; nobody changes them (the caller's duty).
namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class AddressIndex
{
    /// <summary>Whether each stretch's word counts its regions, and the total is theirs, large pages whole.</summary>
    internal bool AreRegionsCounted()
    {
        long total = 0;
        bool isRight = true;
        for (nuint stretch = 0; stretch < (nuint)Math.Min(_header->NextLeaf, (long)_leafCapacity) * StretchesPerLeaf; stretch++)
        {
            int word = _stretches[stretch];
            int set = 0;
            foreach (byte region in new ReadOnlySpan<byte>(_regions + (stretch * RegionsPerStretch), RegionsPerStretch))
            {
                set += region != 0 ? 1 : 0;
            }

            isRight &= (word & ~LargeBit) == set;
            total += (word & LargeBit) != 0 ? RegionsPerStretch : set;
        }

        return isRight && total == _header->TouchedRegions;
    }

    /// <summary>Marks the entries that are forks. Exhaustive and slow; for the invariants of a store.</summary>
    /// <returns>An entry that was marked before, or null.</returns>
    internal uint? CountForks(bool[] isPlaced, ref long forks)
    {
        for (long i = 0; i < Math.Min(_header->NextLeaf, (long)_leafCapacity); i++)
        {
            // A spare leaf is listed too; it is all zero.
            uint* leaf = (uint*)(_leaves + ((nuint)i * LeafByteCount));
            for (nuint window = 0; _leafEntries[i] != 0 && window <= SlotMask; window++)
            {
                uint* second = leaf + window + SecondOffset;
                if ((window & RegionMask) == 0 && !IsTouched(second))
                {
                    window += RegionMask;
                    continue;
                }

                if ((*second & ForkBit) != 0)
                {
                    uint fork = *second & IndexMask;
                    if (fork >= isPlaced.Length || isPlaced[fork])
                    {
                        return fork;
                    }

                    isPlaced[fork] = true;
                    forks++;
                }
            }
        }

        return null;
    }
}
