// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: from any word to the block it points at, over a frozen set of blocks.
// Who calls it: the marker, once per candidate word.
// The one idea: blocks sorted by address, and a hash of the pages they touch in front, so that a word that points at no
// block is rejected by one probe.
// Safety: arrays hold Count entries each, the page table PageMask + 1; indices come from the table or from searches
// below Count.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.Marking;

/// <summary>One page of address space that blocks touch: which of the sorted blocks, from First on, Count of them.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PageEntry
{
    /// <summary>Page number + 1 (0 = free slot).</summary>
    public ulong PagePlusOne;

    /// <summary>Index of the first block that touches the page (its one-past-the-end address included).</summary>
    public uint First;

    /// <summary>How many consecutive blocks touch it.</summary>
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
    /// <summary>Blocks of this size and more are not entered page by page, but searched in a list of their own.</summary>
    public const nuint LargeByteCount = 4 << 20;

    public nuint* Start;
    public nuint* End;
    public uint* Record;
    public byte* State;
    public int Count;

    /// <summary>Lowest start and highest end (inclusive: one-past-the-end is a pointer too).</summary>
    public nuint Lowest, Highest;

    public PageEntry* Pages;
    public ulong PageMask;

    public int* Large;
    public int LargeCount;

    /// <summary>Index of the block that <paramref name="address"/> points into (or one past the end of), or −1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Find(BlockIndex* index, nuint address)
    {
        ulong page = (ulong)(address >> 12) + 1;
        ulong slot = Hash(page) & index->PageMask;
        while (true)
        {
            ulong found = index->Pages[slot].PagePlusOne;
            if (found == page)
            {
                return FindInPage(index, index->Pages + slot, address);
            }

            if (found == 0)
            {
                return index->LargeCount == 0 ? -1 : FindLarge(index, address);
            }

            slot = (slot + 1) & index->PageMask;
        }
    }

    /// <summary>Hash of a page number (Fibonacci hashing, Knuth vol. 3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Hash(ulong page) => (page * 0x9E3779B97F4A7C15UL) >> 20;

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

    [MethodImpl(ChildCode.Options)]
    private static int FindInPage(BlockIndex* index, PageEntry* page, nuint address)
    {
        // The greatest start ≤ address among the blocks that touch this page.
        int low = (int)page->First, high = low + (int)page->Count;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            if (index->Start[middle] <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        int found = low - 1;
        if (found >= (int)page->First && address <= index->End[found])
        {
            return found;
        }

        return index->LargeCount == 0 ? -1 : FindLarge(index, address);
    }

    [MethodImpl(ChildCode.Options)]
    private static int FindLarge(BlockIndex* index, nuint address)
    {
        int low = 0, high = index->LargeCount;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            if (index->Start[index->Large[middle]] <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        if (low == 0)
        {
            return -1;
        }

        int found = index->Large[low - 1];
        return address <= index->End[found] ? found : -1;
    }
}
