// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>Kind of a leak (Valgrind's words). In the order in which reports list them.</summary>
public enum LeakKind
{
    /// <summary>Nothing points to the block: a leak of its own.</summary>
    Definite,

    /// <summary>Only other lost blocks point to the block.</summary>
    Indirect,

    /// <summary>Only pointers into the block's inside were found: perhaps numbers that look like one.</summary>
    Possible,
}
