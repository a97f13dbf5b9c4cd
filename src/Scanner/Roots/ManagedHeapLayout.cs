// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Roots;

/// <summary>
/// What object tracing must know of the runtime: where the managed heap lies and how an object says its type and size.
/// Read once, from the runtime's own contract descriptor (never from private offsets of ours). Blittable: the child reads it.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ManagedHeapLayout
{
    /// <summary>The address range the garbage collector reserved. Empty when unknown.</summary>
    public nuint HeapStart, HeapEnd;

    /// <summary>Type of the filler between objects; never followed.</summary>
    public nuint FreeObjectMethodTable;

    /// <summary>Bits of an object's first word that are not part of its MethodTable address.</summary>
    public nuint MethodTableUnmask;

    /// <summary>Offsets inside a MethodTable, and its size.</summary>
    public int FlagsOffset, BaseSizeOffset, ClassOrCanonOffset, MethodTableByteCount;

    /// <summary>Offset of the MethodTable pointer inside an EEClass (it points back: the proof that both are what they seem).</summary>
    public int ClassMethodTableOffset;

    /// <summary>Offset of the element count inside an array or string.</summary>
    public int ComponentCountOffset;

    /// <summary>1 when objects can be traced; 0 when the heap must be read conservatively.</summary>
    public int CanTrace;
}
