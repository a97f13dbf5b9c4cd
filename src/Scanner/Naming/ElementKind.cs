// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Naming;

/// <summary>Kind of a field, with the numbers of ECMA-335, II.23.1.16. Others than these do not occur in fields.</summary>
internal enum ElementKind : byte
{
    /// <summary>No kind.</summary>
    None = 0,

    /// <summary>True or false.</summary>
    Boolean = 0x02,

    /// <summary>A UTF-16 unit.</summary>
    Char = 0x03,

    /// <summary>8 bits.</summary>
    SignedByte = 0x04,

    /// <summary>8 bits.</summary>
    Byte = 0x05,

    /// <summary>16 bits.</summary>
    Short = 0x06,

    /// <summary>16 bits.</summary>
    UnsignedShort = 0x07,

    /// <summary>32 bits.</summary>
    Int = 0x08,

    /// <summary>32 bits.</summary>
    UnsignedInt = 0x09,

    /// <summary>64 bits: may hold an address.</summary>
    Long = 0x0A,

    /// <summary>64 bits: may hold an address.</summary>
    UnsignedLong = 0x0B,

    /// <summary>32 bits of floating point.</summary>
    Float = 0x0C,

    /// <summary>64 bits of floating point: holds no address.</summary>
    Double = 0x0D,

    /// <summary>A pointer.</summary>
    Pointer = 0x0F,

    /// <summary>A struct.</summary>
    Struct = 0x11,

    /// <summary>A reference to an object.</summary>
    Class = 0x12,

    /// <summary>nint or IntPtr.</summary>
    NativeInt = 0x18,

    /// <summary>nuint or UIntPtr.</summary>
    UnsignedNativeInt = 0x19,

    /// <summary>A function pointer.</summary>
    FunctionPointer = 0x1B,
}
