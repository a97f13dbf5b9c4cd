// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.Marking;

/// <summary>Where the pointer stood by which a block was reached. One per block, in child memory, 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct HolderNote
{
    /// <summary>Address of the word; 0 = none was noted.</summary>
    public nuint Address;

    /// <summary>The word.</summary>
    public nuint Value;

    /// <summary>The managed object that the word is part of; 0 = it is part of none, or that is not known.</summary>
    public nuint Object;

    /// <summary>Notes a word. Its object is the one whose fields are being read.</summary>
    // Safety: an entry per block; the block's index is the caller's.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(ChildState* state, int block, nuint word, nuint foundAt)
        => Write(state->Holders + block, word, foundAt, state->Objects.Current);

    /// <summary>Notes a word of an object (0 = of none).</summary>
    // Safety: as above.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(HolderNote* note, nuint word, nuint foundAt, nuint o)
    {
        note->Address = foundAt;
        note->Value = word;
        note->Object = o;
    }
}
