// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>Lost blocks of one kind that the same line of code allocated.</summary>
public sealed record LeakGroup
{
    /// <summary>16 hexadecimal digits that name the allocation site: the same in every run, and after rebuilds that
    /// leave the site alone. Groups of different kinds at one site share it.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>Kind of the leak.</summary>
    public required LeakKind Kind { get; init; }

    /// <summary>The group's own blocks and their bytes.</summary>
    public required BlockTotal Total { get; init; }

    /// <summary>What the group's blocks, which are samples, say about all blocks of the site; null unless the level is
    /// sample.</summary>
    public BlockEstimate? Estimate { get; init; }

    /// <summary>Blocks that hang from the group's blocks: lost with them, listed as groups of their own.</summary>
    public required BlockTotal Indirect { get; init; }

    /// <summary>The API that was called: <c>Marshal.AllocHGlobal</c>, <c>NativeMemory.AlignedAlloc</c>, …</summary>
    public required string Allocator { get; init; }

    /// <summary>What <see cref="LeakHints.Tag"/> said of the blocks; null when nothing. Blocks of one site with different
    /// tags are groups of their own.</summary>
    public string? Tag { get; init; }

    /// <summary>Age of the group's oldest block when the scan ran.</summary>
    public required TimeSpan FirstAge { get; init; }

    /// <summary>Age of its youngest block.</summary>
    public required TimeSpan LastAge { get; init; }

    /// <summary>The threads that allocated.</summary>
    public required IReadOnlyList<string> Threads { get; init; }

    /// <summary>The call stack, innermost frame first.</summary>
    public required IReadOnlyList<LeakFrame> Stack { get; init; }

    /// <summary>Some of the blocks.</summary>
    public required IReadOnlyList<LeakSample> Samples { get; init; }

    /// <summary>Why the blocks are believed to be lost: one sentence.</summary>
    public required string Evidence { get; init; }

    /// <summary>Of possible and indirect leaks: where the pointer stands by which the first of the blocks is held. Null for
    /// definite ones, and where that is not known.</summary>
    public LeakHolder? HeldBy { get; init; }

    /// <summary>What held most of the blocks when a scan last saw them held; null when no earlier scan did.</summary>
    public LastHolder? LastHolder { get; init; }

    /// <summary>What the baseline has of the site; null without a baseline.</summary>
    public BaselineMatch? Baseline { get; init; }
}
