// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: as in WordFilter.cs.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NativeLeak.Interop;

namespace NativeLeak.Marking;

/// <content>Eight upper halves at a time.</content>
internal static unsafe partial class WordFilter
{
    private const nuint Width256 = 32;

    /// <summary>As <see cref="Find"/>.</summary>
    [MethodImpl(ChildCode.Options)]
    public static nuint Find256(WordHits* hits, nuint start, nuint end)
    {
        if (end < start + Width256 || hits->HighSpan >= int.MaxValue)
        {
            return FindScalar(hits, start, end);
        }

        // There are signed comparisons only: adding the sign bit keeps the order.
        Vector256<int> shift = Vector256.Create(int.MinValue - (int)hits->High);
        Vector256<int> limit = Vector256.Create(int.MinValue + (int)hits->HighSpan + 1);
        nuint p = start + UpperHalf;
        for (; p + Width256 <= end; p += Width256)
        {
            uint mask = Vector256.LessThan(Vector256.Load((int*)p) + shift, limit).ExtractMostSignificantBits();
            if (mask != 0)
            {
                if (hits->Count > WordHits.Capacity - WordHits.Reserve)
                {
                    return p - UpperHalf;
                }

                Append(hits, p, mask);
            }
        }

        // The rest by a load that ends with the range; what was seen already is masked out.
        nuint units = (end - p) / 4;
        if (p < end && units != 0)
        {
            if (hits->Count > WordHits.Capacity - WordHits.Reserve)
            {
                return p - UpperHalf;
            }

            nuint last = p + (units * 4) - Width256;
            uint mask = Vector256.LessThan(Vector256.Load((int*)last) + shift, limit).ExtractMostSignificantBits();
            Append(hits, last, mask & (uint.MaxValue << (int)(8 - units)));
        }

        return end;
    }

    /// <summary>As <see cref="MaskOf"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong MaskOf256(WordHits* hits, nuint start)
    {
        if (hits->HighSpan >= int.MaxValue)
        {
            return MaskOfScalar(hits, start);
        }

        Vector256<int> shift = Vector256.Create(int.MinValue - (int)hits->High);
        Vector256<int> limit = Vector256.Create(int.MinValue + (int)hits->HighSpan + 1);
        return Vector256.LessThan(Vector256.Load((int*)start) + shift, limit).ExtractMostSignificantBits()
            | ((ulong)Vector256.LessThan(Vector256.Load((int*)(start + Width256)) + shift, limit).ExtractMostSignificantBits() << 8);
    }
}
