// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: as in WordFilter.cs.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NativeLeak.Interop;

namespace NativeLeak.Marking;

/// <content>Sixteen upper halves at a time.</content>
internal static unsafe partial class WordFilter
{
    private const nuint Width512 = 64;

    /// <summary>As <see cref="Find"/>.</summary>
    [MethodImpl(ChildCode.Options)]
    public static nuint Find512(WordHits* hits, nuint start, nuint end)
    {
        if (end < start + Width512)
        {
            return Vector256.IsHardwareAccelerated ? Find256(hits, start, end) : FindScalar(hits, start, end);
        }

        Vector512<uint> high = Vector512.Create(hits->High), span = Vector512.Create(hits->HighSpan);
        nuint p = start + UpperHalf;
        for (; p + Width512 <= end; p += Width512)
        {
            ulong mask = Vector512.LessThanOrEqual(Vector512.Load((uint*)p) - high, span).ExtractMostSignificantBits();
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

            nuint last = p + (units * 4) - Width512;
            ulong mask = Vector512.LessThanOrEqual(Vector512.Load((uint*)last) - high, span).ExtractMostSignificantBits();
            Append(hits, last, mask & (ulong.MaxValue << (int)(16 - units)));
        }

        return end;
    }
}
