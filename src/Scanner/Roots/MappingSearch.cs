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
        return SortedRanges.Find(state->Mappings, sizeof(Mapping), state->MappingCount, address);
    }

    /// <summary>Whether <paramref name="address"/> lies in memory that may be executed.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool IsCode(ChildState* state, nuint address)
    {
        int found = Find(state, address);
        return found >= 0 && (state->Mappings[found].Access & MappingAccess.Execute) != 0;
    }
}
