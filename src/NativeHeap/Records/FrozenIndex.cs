// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one address index as the frozen world walks it: every slot that is in use, in order of address.
// Who calls it: FrozenRecords.
// The one idea: only leaves in the list, only regions with the byte set, are read: memory that was never touched stays
// so in the child.
// Safety: everything was read from a live index, whose memory is never given back, and is frozen with it.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Records;

/// <summary>Where the parts of an <see cref="AddressIndex"/> lie (drawing there).</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct FrozenIndex
{
    /// <summary>Leaf of each entry, or 0.</summary>
    public nuint* Directory;

    /// <summary>Directory entry + 1 of each leaf, by leaf number; 0 = none. A spare leaf may name another's.</summary>
    public uint* LeafEntries;

    /// <summary>Leaf numbers handed out (may exceed <see cref="LeafCapacity"/>).</summary>
    public long* LeafCount;

    /// <summary>Leaves there are.</summary>
    public long LeafCapacity;

    /// <summary>The first leaf.</summary>
    public byte* Leaves;

    /// <summary>One byte per region.</summary>
    public byte* Regions;

    /// <summary>Granule, as a shift.</summary>
    public int Shift;

    private const nuint SlotMask = (1u << AddressIndex.SlotBits) - 1;
    private const int RegionSlotCount = 1 << AddressIndex.RegionBits;
    private const int SlotsPerRead = 4;

    /// <summary>Appends the starts and record indices of all live blocks, lowest address first.</summary>
    /// <param name="index">The index; null or all zero is empty.</param>
    /// <param name="entries">The entry with index 0.</param>
    /// <param name="starts">Receives addresses.</param>
    /// <param name="records">Receives indices.</param>
    /// <param name="count">How many there are; raised.</param>
    /// <param name="capacity">Room in both.</param>
    /// <param name="progress">Raised once per region with starts.</param>
    [MethodImpl(ChildCode.Options)]
    public static void Collect(FrozenIndex* index, PackedRecord* entries, nuint* starts, uint* records,
        ref uint count, uint capacity, ref long progress)
    {
        long leaves = index->Directory == null ? 0 : *index->LeafCount;
        leaves = leaves < index->LeafCapacity ? leaves : index->LeafCapacity;
        for (uint entry = NextLeaf(index, leaves, 0); entry != 0; entry = NextLeaf(index, leaves, entry))
        {
            uint* leaf = (uint*)index->Directory[entry - 1];
            if (leaf == null)
            {
                continue;
            }

            nuint firstRegion = (nuint)((byte*)leaf - index->Leaves) >> (AddressIndex.RegionBits + 2);
            for (nuint slot = 0; slot <= SlotMask; slot += RegionSlotCount)
            {
                if (index->Regions[firstRegion + (slot >> AddressIndex.RegionBits)] != 0)
                {
                    nuint window = ((nuint)(entry - 1) << AddressIndex.SlotBits) + slot;
                    bool isAnySecond = index->Regions[
                        firstRegion + ((slot + AddressIndex.SecondOffset) >> AddressIndex.RegionBits)] != 0;
                    CollectRegion(
                        index, entries, leaf + slot, isAnySecond, window, starts, records, ref count, capacity);
                    progress++;
                }
            }
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static void CollectRegion(FrozenIndex* index, PackedRecord* entries, uint* slots, bool isAnySecond,
        nuint window, nuint* starts, uint* records, ref uint count, uint capacity)
    {
        uint* seconds = slots + AddressIndex.SecondOffset;
        for (int i = 0; i < RegionSlotCount; i += SlotsPerRead)
        {
            ulong any = *(ulong*)(slots + i) | *(ulong*)(slots + i + 2);
            any |= isAnySecond ? *(ulong*)(seconds + i) | *(ulong*)(seconds + i + 2) : 0;
            for (int at = i; any != 0 && at < i + SlotsPerRead; at++)
            {
                uint word = slots[at];
                uint second = isAnySecond ? seconds[at] : 0;
                nuint start = (window + (nuint)at) << (index->Shift + AddressIndex.WindowGranuleBits);
                if (second == 0)
                {
                    nuint address = start + ((nuint)(word >> AddressIndex.GranuleShift) << index->Shift);
                    Add(address, word & AddressIndex.IndexMask, starts, records, ref count, capacity);
                    continue;
                }

                for (uint granule = 0; granule < 1 << AddressIndex.WindowGranuleBits; granule++)
                {
                    nuint address = start + ((nuint)granule << index->Shift);
                    Add(address, Pick(entries, word, second, granule), starts, records, ref count, capacity);
                }
            }
        }
    }

    // As AddressIndex.Pick.
    [MethodImpl(ChildCode.Options)]
    private static uint Pick(PackedRecord* entries, uint word, uint second, uint granule)
    {
        if (word != 0 && word >> AddressIndex.GranuleShift == granule)
        {
            return word & AddressIndex.IndexMask;
        }

        if ((second & AddressIndex.ForkBit) != 0)
        {
            return ((uint*)(entries + (second & AddressIndex.IndexMask)))[granule];
        }

        return second >> AddressIndex.GranuleShift == granule ? second & AddressIndex.IndexMask : 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(nuint address, uint record, nuint* starts, uint* records, ref uint count, uint capacity)
    {
        if (record != 0 && count < capacity)
        {
            starts[count] = address;
            records[count] = record;
            count++;
        }
    }

    // Directory entry + 1 of the lowest leaf above the given one; 0 = no more. Few leaves: no sorting.
    [MethodImpl(ChildCode.Options)]
    private static uint NextLeaf(FrozenIndex* index, long leaves, uint after)
    {
        uint best = 0;
        for (long i = 0; i < leaves; i++)
        {
            uint entry = index->LeafEntries[i];
            if (entry > after && (best == 0 || entry < best))
            {
                best = entry;
            }
        }

        return best;
    }
}
