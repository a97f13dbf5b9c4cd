// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the annotations as the frozen world reads them.
// Who calls it: the scanner fills it in before the clone; the child asks it about blocks whose record says Annotated.
// The one idea: the table is found through one cell that never moves, so that the child sees the table that was in force
// when everything stood still, whatever grew since the scan began.
// Safety: the cell and the table it names are pages of ours; a table is given back only after the cell names its
// successor, and the clone keeps its own copy of both.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Annotations;

/// <summary>What a table begins with; annotations follow from the next 32 bytes on.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AnnotationHeader
{
    /// <summary>Slots − 1; slots are a power of two.</summary>
    public ulong Mask;

    /// <summary>Slots that are not free for the first time any more.</summary>
    public ulong Used;
}

/// <summary>A plain pointer to the cell. All zero = no annotations.</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct FrozenAnnotations
{
    /// <summary>Holds the table in force; null when there never was one.</summary>
    public AnnotationHeader** Cell;

    /// <summary>
    /// The next annotation of a block, any kind; null when there is none. Begin with <paramref name="slot"/> 0 and pass it
    /// on.
    /// </summary>
    [MethodImpl(ChildCode.Options)]
    public static BlockAnnotation* Next(FrozenAnnotations* frozen, nuint address, ulong ordinal, ref ulong slot)
    {
        AnnotationHeader* table = frozen->Cell == null ? null : *frozen->Cell;
        return table == null ? null : Next(table, address, ordinal, ref slot);
    }

    /// <summary>As the other, in one table.</summary>
    [MethodImpl(ChildCode.Options)]
    public static BlockAnnotation* Next(AnnotationHeader* table, nuint address, ulong ordinal, ref ulong slot)
    {
        BlockAnnotation* slots = (BlockAnnotation*)table + 1;
        ulong first = BlockAnnotation.Hash(address);
        while (slot <= table->Mask)
        {
            BlockAnnotation* at = slots + ((first + slot++) & table->Mask);
            if (at->Address == 0)
            {
                break;
            }

            if (at->Address == address && at->Ordinal == ordinal)
            {
                return at;
            }
        }

        return null;
    }
}
