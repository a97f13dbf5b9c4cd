// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Verdicts;

/// <summary>One pointer to a block and the place it stands in, as the child writes it into shared pages. 48 bytes.</summary>
/// <remarks>
/// <code>
///  0 address of the word (0 = not known)     8 the word
/// 16 MethodTable of the object (Object), start of the parent block (Block), for answers: code of the frame (Stack)
/// 24 offset: in the object, in the parent block, above the stack pointer (Stack), number of the register (Register;
///    −1 = a vector register)
/// 32 thread id (Stack, Register)            36 site of the parent block (Block)
/// 40 kind                                   41 1 = a word of doubtful worth
/// 42 standing (HolderStanding; filled in for answers only)
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal struct HolderInfo
{
    /// <summary>Size in bytes.</summary>
    public const int ByteCount = 48;

    [FieldOffset(0)] public nuint Address;
    [FieldOffset(8)] public nuint Value;
    [FieldOffset(16)] public nuint Container;
    [FieldOffset(24)] public long Offset;
    [FieldOffset(32)] public int ThreadId;
    [FieldOffset(36)] public uint Site;
    [FieldOffset(40)] public HolderKind Kind;
    [FieldOffset(41)] public byte IsFrail;
    [FieldOffset(42)] public byte Standing;

    /// <summary>The same with every address complemented, and back: the only form in which it may enter managed
    /// memory.</summary>
    public readonly HolderInfo Complemented()
    {
        HolderInfo copy = this;
        (copy.Address, copy.Value, copy.Container) = (~Address, ~Value, ~Container);
        return copy;
    }
}
