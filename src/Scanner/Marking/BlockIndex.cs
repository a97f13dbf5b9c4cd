// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: from any word to the block it points at, over a frozen set of blocks.
// Who calls it: the marker, once per candidate word.
// The one idea: one line of 32 bytes for each KiB that blocks touch holds where blocks start in it, which of these are
// reached, and how many start below: a pointer to a start is judged by one memory access, and a count of bits gives its
// number among the sorted blocks.
// Safety: arrays hold Count entries each; a line exists for every address from a block's start to right behind its end, and
// the directory has an entry for every region from the lowest to the highest of them.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.Marking;

/// <summary>One KiB of address space that blocks touch; a bit stands for 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IndexLine
{
    /// <summary>Where blocks start.</summary>
    public ulong Starts;

    /// <summary>Of these, the plain blocks that are reached: another pointer to them changes nothing.</summary>
    public ulong Marks;

    /// <summary>Where a pointer is no simple matter: blocks that are not plain. All bits: so is the line.</summary>
    public ulong Slow;

    /// <summary>How many blocks start below this line.</summary>
    public uint First;

    /// <summary>How many start in it.</summary>
    public uint Count;
}

/// <summary>How far the marking of one block has come.</summary>
internal static class Reach
{
    public const byte None = 0;
    public const byte Strong = 1;
    public const byte Weak = 2;
    public const byte Young = 3;
    public const byte Ignored = 4;

    /// <summary>As Strong, but from roots of doubtful worth only.</summary>
    public const byte Frail = 5;
    public const byte Mask = 7;

    /// <summary>An interior pointer to it was seen; judged when all start pointers have been followed.</summary>
    public const byte InteriorSeen = 8;

    /// <summary>Part of it is not readable: scanned piece by piece.</summary>
    public const byte Fragmented = 16;

    /// <summary>A BSTR: start + 8 is a start pointer as well.</summary>
    public const byte Prefixed = 32;

    /// <summary>The C heap holds this memory as free, or a younger block lies over it: freed behind our back.</summary>
    public const byte Stale = 64;

    /// <summary>Hints say how it is reached or read: see HintedBlocks.</summary>
    public const byte Hinted = 128;
}

/// <summary>The sorted blocks of one scan. Parallel arrays in child memory.</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct BlockIndex
{
    /// <summary>Bytes of a line's piece of address space, and of a region's, as shifts.</summary>
    public const int LineShift = 10, RegionShift = 21;

    /// <summary>Lines of a region.</summary>
    public const int RegionLineCount = 1 << (RegionShift - LineShift);

    /// <summary>Bit of a directory entry: the whole region lies in one block, whose number is in the other bits.</summary>
    public const uint Covered = 1u << 31;

    /// <summary>Bytes that one bit of a line stands for.</summary>
    public const nuint GranuleByteCount = 16;

    public nuint* Start;
    public nuint* End;
    public uint* Record;
    public byte* State;
    public int Count;

    /// <summary>Lowest start and highest end (inclusive: one-past-the-end is a pointer too).</summary>
    public nuint Lowest, Highest;

    /// <summary>For each region from that of <see cref="Lowest"/> on: 0 = no block touches it; <see cref="Covered"/>; else
    /// the number of its piece of <see cref="Lines"/>, from 1.</summary>
    public uint* Directory;
    public nuint FirstRegion;
    public IndexLine* Lines;

    /// <summary>Index of the block that <paramref name="address"/> points into (or one past the end of), or −1.</summary>
    [MethodImpl(ChildCode.Options)]
    public static int Find(BlockIndex* index, nuint address)
    {
        int found = FindBelow(index, address);
        return found >= 0 && address <= index->End[found] ? found : -1;
    }

    /// <summary>As <see cref="Find"/>, without a look at where the block ends: the block that could be the one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FindBelow(BlockIndex* index, nuint address)
    {
        if (address - index->Lowest > index->Highest - index->Lowest || index->Count == 0)
        {
            return -1;
        }

        uint region = index->Directory[(address >> RegionShift) - index->FirstRegion];
        if (region == 0 || (region & Covered) != 0)
        {
            return region == 0 ? -1 : (int)(region & ~Covered);
        }

        IndexLine* line = Line(index, region, address);
        return line->Slow == ulong.MaxValue ? LastStart(index, line, address)
            : (int)line->First + ChildCpu.CountBits(line->Starts & (ulong.MaxValue >> (63 - Granule(address)))) - 1;
    }

    /// <summary>The line of an address in a region that has lines.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static IndexLine* Line(BlockIndex* index, uint region, nuint address)
        => index->Lines + ((nuint)(region - 1) * RegionLineCount) + ((address >> LineShift) & (RegionLineCount - 1));

    /// <summary>The bit of an address in its line.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Granule(nuint address) => (int)(address >> 4) & 63;

    /// <summary>The line in which a block starts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static IndexLine* LineOf(BlockIndex* index, int block)
    {
        nuint start = index->Start[block];
        return Line(index, index->Directory[(start >> RegionShift) - index->FirstRegion], start);
    }

    /// <summary>Makes every pointer to a block go the long way: it is not plain.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetSlow(BlockIndex* index, int block)
        => LineOf(index, block)->Slow |= 1UL << Granule(index->Start[block]);

    /// <summary>Notes in the line that a block is reached, if it is a plain one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetMark(BlockIndex* index, int block)
    {
        IndexLine* line = LineOf(index, block);
        ulong bit = 1UL << Granule(index->Start[block]);
        if ((line->Slow & bit) == 0)
        {
            // Order: none; helpers change other bits of the same line at the same time.
            Interlocked.Or(ref line->Marks, bit);
        }
    }

    /// <summary>Index of the first block whose end is above <paramref name="address"/>.</summary>
    [MethodImpl(ChildCode.Options)]
    public static int FirstEndingAfter(BlockIndex* index, nuint address)
    {
        int low = 0, high = index->Count;
        while (low < high)
        {
            int middle = (int)(((uint)low + (uint)high) >> 1);
            if (index->End[middle] <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    /// <summary>Sets bits of a block's state; helpers may set others of its neighbours at the same time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddState(BlockIndex* index, int block, byte bits)
    {
        // Order: none; four states share a word, and none of them publishes anything.
        Interlocked.Or(ref *(uint*)(index->State + (block & ~3)), (uint)bits << ((block & 3) * 8));
    }

    // The last block of a line that starts at or below an address; if none does, the one before the line.
    [MethodImpl(ChildCode.Options)]
    private static int LastStart(BlockIndex* index, IndexLine* line, nuint address)
    {
        int low = (int)line->First, high = low + (int)line->Count;
        while (low < high)
        {
            int middle = (int)(((uint)low + (uint)high) >> 1);
            if (index->Start[middle] <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low - 1;
    }
}
