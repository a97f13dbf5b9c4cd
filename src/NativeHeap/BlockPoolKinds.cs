// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>What the blocks of a <see cref="BlockPool"/> are.</summary>
[Flags]
public enum BlockPoolKinds
{
    /// <summary>Blocks like any other: recorded and judged.</summary>
    None = 0,

    /// <summary>The pool's blocks are themselves handed out piece by piece, by other pools or by <see
    /// cref="LeakHints.Adopt"/>: the pieces are judged, the pool's blocks are not. (Valgrind's METAPOOL.)</summary>
    Meta = 1,

    /// <summary>With <see cref="Meta"/>: freeing one of the pool's blocks frees the pieces in it. Without it pieces that were
    /// not freed stay recorded, and are leaks. (Valgrind's AUTO_FREE.)</summary>
    AutoFree = 2,
}
