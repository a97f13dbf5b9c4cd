// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the first look at memory: which words could be addresses that matter.
// Who calls it: Marker, for every byte it reads.
// The one idea: blocks and managed objects lie in a narrow range of the upper halves of addresses. Whether a 4-byte unit is
// such an upper half is one comparison, and answers for the aligned word that ends with it and for the word at the 4-byte
// step between two aligned ones alike: the finer stride costs nothing.
// Safety: a range is readable from its start to its end, and no load leaves it.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using NativeLeak.Interop;

namespace NativeLeak.Marking;

/// <summary>What is looked for, and what was found.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct WordHits
{
    /// <summary>Room for hits; a search ends early when fewer than <see cref="Reserve"/> places are left.</summary>
    public const int Capacity = 128;

    /// <summary>Most hits of one step of a search.</summary>
    public const int Reserve = 16;

    /// <summary>The lowest upper half that matters, and how many above it do.</summary>
    public uint High, HighSpan;

    /// <summary>Addresses of the words found, <see cref="Count"/> of them.</summary>
    public nuint* Items;
    public int Count;
}

/// <summary>Vector filters and their oracle. Every variant finds the same words: at 4-byte steps, wholly inside the range,
/// their upper half in the wanted range.</summary>
[ChildCode]
internal static unsafe partial class WordFilter
{
    /// <summary>Where a word's upper half begins.</summary>
    public const nuint UpperHalf = 4;

    /// <summary>Bytes that <see cref="MaskOf"/> looks at.</summary>
    public const nuint StepByteCount = 64;

    private const nuint LongestShortByteCount = 256, PageByteCount = 4096;

    /// <summary>Appends hits of [start, end), lowest address first. <paramref name="start"/> is a multiple of 4.</summary>
    /// <returns>Where the search ended: at <paramref name="end"/>, or earlier when <see cref="WordHits.Items"/> is
    /// nearly full; then the search goes on from there.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint Find(WordHits* hits, nuint start, nuint end)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            return Find512(hits, start, end);
        }

        return Vector256.IsHardwareAccelerated ? Find256(hits, start, end) : FindScalar(hits, start, end);
    }

    /// <summary>Whether a range can be read by <see cref="MaskOf"/> in steps from its start on: its words stand at 4-byte
    /// steps, it is not long, and the steps do not leave the page, which is thus readable to their end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsShort(nuint start, nuint end)
        => end - start <= LongestShortByteCount && (start & 3) == 0
            && (start & (PageByteCount - 1)) + ((end - start + StepByteCount - 1) & ~(StepByteCount - 1)) <= PageByteCount;

    /// <summary>Which of the sixteen 4-byte units from an address on are upper halves that matter, lowest first. All of them
    /// must be readable.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong MaskOf(WordHits* hits, nuint start)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            return Vector512.LessThanOrEqual(Vector512.Load((uint*)start) - Vector512.Create(hits->High),
                Vector512.Create(hits->HighSpan)).ExtractMostSignificantBits();
        }

        return Vector256.IsHardwareAccelerated ? MaskOf256(hits, start) : MaskOfScalar(hits, start);
    }

    // One hit per bit; bit 0 stands for the upper half at p.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Append(WordHits* hits, nuint p, ulong mask)
    {
        int count = hits->Count;
        while (mask != 0)
        {
            hits->Items[count++] = p + ((nuint)ChildCpu.LowestBit(mask) * 4) - UpperHalf;
            mask &= mask - 1;
        }

        hits->Count = count;
    }
}
