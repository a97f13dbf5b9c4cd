// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Roots;

/// <summary>What of an object can hold an address.</summary>
internal enum TypeWords : uint
{
    /// <summary>Any word of it, as far as anybody knows.</summary>
    Any = 0,

    /// <summary>The marked fields.</summary>
    Fields = 1,

    /// <summary>The marked fields of each element.</summary>
    Elements = 2,

    /// <summary>None: characters, floating-point numbers, truth values.</summary>
    None = 3,
}

/// <summary>One type in the table that precise scans read objects by. Blittable: the parent writes it, the child reads it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TypeLayout
{
    /// <summary>The type; 0: the entry is free.</summary>
    public nuint MethodTable;

    /// <summary>One bit per 4 bytes from the first field, or from the start of an element: an address may begin here.</summary>
    public ulong* Marks;

    /// <summary>How many bits there are.</summary>
    public uint StepCount;

    /// <summary>What the bits are about.</summary>
    public TypeWords Words;
}

/// <summary>The table, and the types the child met that are not in it yet.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TypeLayoutTable
{
    /// <summary>Entries, hashed by MethodTable, <see cref="Capacity"/> of them.</summary>
    public TypeLayout* Entries;

    /// <summary>Types that a child met without a layout, in pages shared with the parent: a count, then that many.</summary>
    public nuint* Unknown;

    /// <summary>Number of entries; a power of two.</summary>
    public const uint Capacity = 1 << 13;

    /// <summary>Most types in <see cref="Unknown"/>.</summary>
    public const uint UnknownCapacity = 1 << 12;

    /// <summary>Entries that are looked at before a type counts as not there.</summary>
    public const uint MaximumProbes = 32;

    /// <summary>Where a type's entry is, or the first that could be.</summary>
    public static uint SlotOf(nuint methodTable) => (uint)(((ulong)methodTable * 0x9E3779B97F4A7C15UL) >> 51);
}
