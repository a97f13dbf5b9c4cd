// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: where a field lies in its object, and of which kind it is.
// Who calls it: TypeFields.
// The one idea: a FieldHandle is the address of the runtime's FieldDesc, whose last word holds offset and kind. That layout
// is published nowhere, so it is believed only when FieldLayoutProof agrees.
using System.Reflection;

namespace NativeLeak.Naming;

/// <summary>The runtime's FieldDesc, read as far as offset and kind.</summary>
internal static unsafe class FieldLayout
{
    /// <summary>Every instance field that a type declares itself.</summary>
    public const BindingFlags OwnFields = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    // FieldDesc of CoreCLR (src/coreclr/vm/field.h): enclosing type, token and flags, then 27 bits of offset and 5 of kind.
    private const int OffsetAndKind = 12, KindShift = 27;
    private const uint OffsetMask = (1u << KindShift) - 1;

    // The highest numbers are marks of the runtime's, not offsets.
    private const uint LargestOffset = OffsetMask - 16;

    private static readonly Lazy<bool> s_isVerified = new(FieldLayoutProof.Holds);

    /// <summary>Whether offsets can be believed here. Decided once per process.</summary>
    public static bool IsVerified => s_isVerified.Value;

    /// <summary>Reads a field's offset (from the end of the MethodTable word, or from the start of a struct) and kind.</summary>
    /// <returns>False for what has no offset.</returns>
    public static bool TryRead(FieldInfo field, out uint offset, out ElementKind kind)
    {
        // Safety: the handle of a field that reflection just gave is the address of its FieldDesc, which is 16 bytes long
        // and lives as long as the type; 4 aligned bytes inside it are read.
        uint word = *(uint*)(field.FieldHandle.Value + OffsetAndKind);
        offset = word & OffsetMask;
        kind = (ElementKind)(word >> KindShift);
        return offset <= LargestOffset;
    }
}
