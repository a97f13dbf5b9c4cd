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

    /// <summary>Whether each tally is the number of its second slots in use, and says whether its region is touched.</summary>
    internal bool AreSecondsCounted()
    {
        bool isRight = true;
        for (nuint leaf = 0; leaf < (nuint)Math.Min(_header->NextLeaf, (long)_leafCapacity); leaf++)
        {
            uint* slots = (uint*)(_leaves + (leaf * LeafByteCount));
            for (nuint window = 0; window <= SlotMask; window += 1u << TallyBits)
            {
                int used = 0;
                for (nuint i = 0; IsTouched(slots + window + SecondOffset) && i < 1u << TallyBits; i++)
                {
                    used += slots[window + SecondOffset + i] != 0 ? 1 : 0;
                }

                int tally = *TallyOf(slots + window, _leaves, _tallies);
                isRight &= tally == used + (IsTouched(slots + window) ? TouchedTally : 0);
            }
        }

        return isRight;
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
