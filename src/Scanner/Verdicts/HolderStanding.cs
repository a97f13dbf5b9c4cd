// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Verdicts;

/// <summary>Whether a pointer keeps what it points at.</summary>
internal enum HolderStanding : byte
{
    /// <summary>It does: it stands in a root, or in something reachable.</summary>
    Counts = 0,

    /// <summary>It stands in a block that is possibly lost.</summary>
    Possible = 1,

    /// <summary>It stands in a lost block.</summary>
    Lost = 2,

    /// <summary>It stands in memory that is dead: below a stack pointer, in freed memory, in an unreachable object.</summary>
    Dead = 3,
}
