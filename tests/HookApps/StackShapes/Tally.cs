// Licensed under the MIT License. See LICENSE in the repository root.
namespace StackShapes;

/// <summary>The counts of one shape.</summary>
internal sealed class Tally
{
    public long Allocations { get; set; }

    public HashSet<uint> Sites { get; } = [];

    public long WrongMethods { get; set; }

    public long WrongLines { get; set; }

    /// <summary>Stacks that end before the real one though neither the depth nor a thread's start is reached.</summary>
    public long Short { get; set; }

    /// <summary>The first of these, in words.</summary>
    public string? First { get; set; }
}
