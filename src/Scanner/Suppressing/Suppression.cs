// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one thing that shall not be reported, and under which conditions.
// Who calls it: SuppressionParser and SuppressingAttributes make them; HiddenBlocks asks them.
// The one idea: a suppression hides a known leak and nothing else, so it can be narrow: call path, API, tag, size, kind, how
// many, until when.
using NativeLeak.Reporting;

namespace NativeLeak.Suppressing;

/// <summary>A suppression. Immutable.</summary>
internal sealed record Suppression
{
    /// <summary>As it was written: how reports name it.</summary>
    public required string Name { get; init; }

    /// <summary>Where it was written: file and line, or the member with the attribute.</summary>
    public required string Source { get; init; }

    /// <summary>Patterns for frames, innermost first, any number of others between them.</summary>
    public required IReadOnlyList<FramePattern> Frames { get; init; }

    /// <summary>The kinds it hides; null: each.</summary>
    public LeakKind? Kind { get; init; }

    /// <summary>The allocating API; null: each.</summary>
    public TextPattern? Allocator { get; init; }

    /// <summary>The tag; null: each, and none.</summary>
    public TextPattern? Tag { get; init; }

    /// <summary>Least number of bytes of a block.</summary>
    public long LeastBytes { get; init; }

    /// <summary>Largest number of bytes of a block.</summary>
    public long MostBytes { get; init; } = long.MaxValue;

    /// <summary>With more blocks than this it hides none: the leak has grown.</summary>
    public long MostBlocks { get; init; } = long.MaxValue;

    /// <summary>The last day on which it holds, UTC.</summary>
    public DateOnly LastDay { get; init; } = DateOnly.MaxValue;

    /// <summary>Whether blocks of a group may be hidden by it; the size of each is asked for besides.</summary>
    /// <param name="group">The group.</param>
    /// <param name="names">Module and method of each of its frames.</param>
    public bool Fits(ListedGroup group, IReadOnlyList<(string? Module, string Method)> names)
        => (Kind is null || Kind == group.Kind)
            && (Allocator is null || Allocator.Fits(group.Site.Allocator))
            && (Tag is null || (group.Tag is not null && Tag.Fits(group.Tag)))
            && FitsFrames(names);

    /// <summary>Whether a block has a size that it hides.</summary>
    public bool FitsSize(long byteCount) => byteCount >= LeastBytes && byteCount <= MostBytes;

    private bool FitsFrames(IReadOnlyList<(string? Module, string Method)> names)
    {
        int next = 0;
        foreach ((string? module, string method) in names)
        {
            if (next < Frames.Count && Frames[next].Fits(module, method))
            {
                next++;
            }
        }

        return next == Frames.Count;
    }
}
