// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the table is at most half full: there are fewer objects than half its slots.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Marking;

namespace NativeLeak.Questions;

/// <summary>Which object or block led to each managed object: a hash table in child memory, for questions about paths
/// only.</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct ObjectParents
{
    /// <summary>Pairs of an object's start and what led to it: the start of an object or a block; 0 = a root.</summary>
    public nuint* Slots;
    public ulong Mask;

    /// <summary>Takes memory for as many objects as can be; without it there is no path through objects.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Initialize(ChildState* state)
    {
        ulong capacity = 1024;
        while (capacity < (ulong)state->Objects.FrontierCapacity * 2)
        {
            capacity *= 2;
        }

        state->Parents.Slots = (nuint*)ChildArena.Allocate((nuint)capacity * 16);
        state->Parents.Mask = capacity - 1;
    }

    /// <summary>Notes what is being read when an object is reached.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Add(ChildState* state, nuint o)
    {
        nuint* slot = Find(state, o);
        slot[0] = o;
        slot[1] = state->Objects.Current != 0 ? state->Objects.Current : state->CurrentBlock;
    }

    /// <summary>The pair of an object; empty when it was not reached.</summary>
    [MethodImpl(ChildCode.Options)]
    public static nuint* Find(ChildState* state, nuint o)
    {
        for (ulong at = ((ulong)o * 0x9E3779B97F4A7C15UL) >> 24; ; at++)
        {
            nuint* slot = state->Parents.Slots + ((at & state->Parents.Mask) * 2);
            if (slot[0] == o || slot[0] == 0)
            {
                return slot;
            }
        }
    }
}
