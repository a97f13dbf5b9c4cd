// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: as in WordFilter.cs.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;

namespace NativeLeak.Marking;

/// <content>The oracle: one word at a time. Serves where there are no vectors, and the ends of ranges.</content>
internal static unsafe partial class WordFilter
{
    /// <summary>As <see cref="Find"/>.</summary>
    [MethodImpl(ChildCode.Options)]
    public static nuint FindScalar(WordHits* hits, nuint start, nuint end)
    {
        nuint at = start;
        for (; at + 8 <= end && hits->Count < WordHits.Capacity; at += 4)
        {
            if (*(uint*)(at + UpperHalf) - hits->High <= hits->HighSpan)
            {
                hits->Items[hits->Count++] = at;
            }
        }

        return at + 8 <= end ? at : end;
    }

    /// <summary>As <see cref="MaskOf"/>.</summary>
    [MethodImpl(ChildCode.Options)]
    public static ulong MaskOfScalar(WordHits* hits, nuint start)
    {
        ulong mask = 0;
        for (int i = 0; i < (int)StepByteCount / 4; i++)
        {
            mask |= *((uint*)start + i) - hits->High <= hits->HighSpan ? 1UL << i : 0;
        }

        return mask;
    }
}
