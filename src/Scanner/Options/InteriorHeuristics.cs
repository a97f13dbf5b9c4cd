// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>By which signs a pointer into a block counts as one to its start (option <c>heuristics</c>). The names are
/// those of Valgrind's <c>--leak-check-heuristics</c>, where it has one.</summary>
[Flags]
public enum InteriorHeuristics
{
    /// <summary>None: a block that is only held by its inside is a possible leak.</summary>
    None = 0,

    /// <summary>The pointer is 8 bytes into the block, and the 8 bytes before it hold the number of bytes that follow.</summary>
    Length64 = 1,

    /// <summary>The pointer is 8 bytes into the block, behind the element count that C++ keeps before an array of objects
    /// with destructors: what follows is a whole multiple of that count.</summary>
    NewArray = 2,

    /// <summary>The pointer is behind a header of up to 64 bytes that holds the number of bytes that follow (with or
    /// without a terminator), or right behind a copy of the block's own start, as allocators for aligned memory leave
    /// it.</summary>
    Header = 4,

    /// <summary>The pointer is to a second table of virtual functions in a block that begins with one: a COM object's
    /// second interface, or C++ with several bases.</summary>
    MultipleInheritance = 8,

    /// <summary>All of them.</summary>
    All = Length64 | NewArray | Header | MultipleInheritance,
}
