// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>One mistake of the program: the same kind at the same places, however often it happened.</summary>
/// <remarks>Stacks are innermost frame first, and empty where the detector does not know them.</remarks>
public sealed record MisuseGroup
{
    // Complemented, so that a report in memory keeps no block alive that got the address since.
    private readonly nuint _complement = nuint.MaxValue;

    /// <summary>What it is.</summary>
    public required MisuseKind Kind { get; init; }

    /// <summary>How often it was seen, at least: of a mismatched free through the runtime's own API only the first
    /// sightings are counted.</summary>
    public required long Count { get; init; }

    /// <summary>The address that was freed, or the start of the block that was written to; of the first time.</summary>
    public required nuint Address
    {
        get => ~_complement;
        init => _complement = ~value;
    }

    /// <summary>The API that allocated the block; null when not known.</summary>
    public required string? Allocator { get; init; }

    /// <summary>The API that freed it now; null when not known, and for a write after free.</summary>
    public required string? FreedWith { get; init; }

    /// <summary>The mistake in one sentence.</summary>
    public required string Explanation { get; init; }

    /// <summary>Where it was freed now; empty for a write after free: who wrote is not known.</summary>
    public required IReadOnlyList<LeakFrame> Stack { get; init; }

    /// <summary>Where the block was allocated.</summary>
    public required IReadOnlyList<LeakFrame> AllocationStack { get; init; }

    /// <summary>Where it was freed first. Of the whole stack only the innermost frames, unless every free keeps its
    /// stack (NATIVELEAK=paranoid).</summary>
    public required IReadOnlyList<LeakFrame> FirstFreeStack { get; init; }
}
