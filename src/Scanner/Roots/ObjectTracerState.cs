// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Roots;

/// <summary>Working state of the tracer. In child memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ObjectTracerState
{
    /// <summary>One bit per 8 bytes of the reserve: the object that starts there was reached.</summary>
    public ulong* Reached;

    /// <summary>Reached objects whose fields are still to be read.</summary>
    public nuint* Frontier;
    public long FrontierCount, FrontierCapacity;

    /// <summary>Words from stacks and registers that point into the heap but at no object's start.</summary>
    public nuint* Interiors;
    public long InteriorCount;

    /// <summary>Hash set of MethodTables: the address when valid, the address + 1 when refuted.</summary>
    public nuint* Types;

    /// <summary>One bit per page of the reserve: no object starts in it.</summary>
    public ulong* EmptyPages;

    /// <summary>Steps left for walking back to the start of an object.</summary>
    public long StepsLeft;

    /// <summary>The object whose fields are being read; 0 while other memory is. Its first word is its type (Naming).</summary>
    public nuint Current;

    /// <summary>The committed piece the last object was in.</summary>
    public int LastExtent;
}
