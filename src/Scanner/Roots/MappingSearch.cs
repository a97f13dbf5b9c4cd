// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the list of mappings is sorted by address, as the kernel writes it; indices stay below its count.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;

namespace NativeLeak.Roots;

/// <summary>Finds mappings by address in logarithmic time: for questions that are asked once per block.</summary>
[ChildCode]
internal static unsafe class MappingSearch
{
    /// <summary>Index of the mapping that holds <paramref name="address"/>, or −1.</summary>
    [MethodImpl(ChildCode.Options)]
    public static int Find(ChildState* state, nuint address)
    {
        int low = 0, high = state->MappingCount;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            if (state->Mappings[middle].Start <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low > 0 && address < state->Mappings[low - 1].End ? low - 1 : -1;
    }

    /// <summary>Whether <paramref name="address"/> lies in memory that may be executed.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool IsCode(ChildState* state, nuint address)
    {
        int found = Find(state, address);
        return found >= 0 && (state->Mappings[found].Access & MappingAccess.Execute) != 0;
    }
}
