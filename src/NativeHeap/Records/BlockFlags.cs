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

    /// <summary>More is known of it than a record holds: Annotations may have entries for it, or it is a pool's.</summary>
    Annotated = 4,

    /// <summary>A hint: never a leak, and what it points to is reachable.</summary>
    NotLeak = 8,

    /// <summary>A hint: never a leak, and neither is what only it leads to.</summary>
    Ignored = 16,
}
