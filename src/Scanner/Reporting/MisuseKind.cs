// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>What a program did wrong with unmanaged memory.</summary>
public enum MisuseKind
{
    /// <summary>A block was freed twice.</summary>
    DoubleFree,

    /// <summary>Something was freed that is not the start of a block.</summary>
    InvalidFree,

    /// <summary>A block of one family of APIs was freed by another's: harmless on this system, heap corruption on
    /// Windows.</summary>
    MismatchedFree,

    /// <summary>A block was written to after it was freed.</summary>
    WriteAfterFree,
}
