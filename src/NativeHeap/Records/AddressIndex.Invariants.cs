// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: leaves below the number handed out are committed; nobody changes them (the caller's duty).
namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class AddressIndex
{
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
