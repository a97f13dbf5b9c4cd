// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the one search in lists of ranges.
// Who calls it: all that looks up an address: extents, mappings, doubtful roots, what pools have.
// The one idea: whatever an entry holds, it begins with its start and its end, so that one loop serves every list.
// Safety: indices stay below the count that the caller vouches for.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;

namespace NativeLeak.Roots;

/// <summary>Entries that begin with a start and an end (exclusive), apart from each other and sorted. Logarithmic time.</summary>
[ChildCode]
internal static unsafe class SortedRanges
{
    /// <summary>Index of the entry that holds <paramref name="address"/>, or −1.</summary>
    /// <param name="first">The entries.</param>
    /// <param name="entryByteCount">Size of one in bytes.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="address">What is looked for.</param>
    [MethodImpl(ChildCode.Options)]
    public static int Find(void* first, int entryByteCount, int count, nuint address)
    {
        int found = FirstEndingAfter(first, entryByteCount, count, address);
        return found < count && ((MemoryRange*)((byte*)first + ((nint)found * entryByteCount)))->Start <= address ? found : -1;
    }

    /// <summary>Index of the first entry that ends behind <paramref name="address"/>; the count when there is none.</summary>
    [MethodImpl(ChildCode.Options)]
    public static int FirstEndingAfter(void* first, int entryByteCount, int count, nuint address)
    {
        int low = 0, high = count;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            if (((MemoryRange*)((byte*)first + ((nint)middle * entryByteCount)))->End <= address)
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
}
