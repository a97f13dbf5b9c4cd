// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Verdicts;

namespace NativeLeak.Questions;

/// <summary>An answer as the copy gave it: numbers without names. Every address in it is complemented.</summary>
internal sealed record RawAnswer
{
    /// <summary>What was asked.</summary>
    public required Question Question { get; init; }

    /// <summary>The block of the address; null when it lies in none.</summary>
    public required LostBlock? Block { get; init; }

    /// <summary>The first pointers that were found.</summary>
    public required IReadOnlyList<HolderInfo> Pointers { get; init; }

    /// <summary>How many were found.</summary>
    public required long PointerCount { get; init; }

    /// <summary>From the block's own holder towards a root.</summary>
    public required IReadOnlyList<HolderInfo> Steps { get; init; }

    /// <summary>Whether the last step is a root.</summary>
    public required bool EndsAtRoot { get; init; }

    /// <summary>The first bytes of the block, two digits a byte.</summary>
    public required string Hex { get; init; }
}
