// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Records;

/// <summary>Properties of a block that the scanner and the reports need.</summary>
[Flags]
internal enum BlockFlags : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The user's pointer is block + 8 (a BSTR's length prefix comes first): it counts as a start pointer.</summary>
    BstrPrefixed = 1,

    /// <summary>From an aligned allocation: must be freed by AlignedFree.</summary>
    Aligned = 2,
}
