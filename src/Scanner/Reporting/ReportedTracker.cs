// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>What the detector recorded, and what that cost it.</summary>
public sealed record ReportedTracker
{
    /// <summary>The level in force since recording started.</summary>
    public DetectorLevel Level { get; init; } = DetectorLevel.On;

    /// <summary>At level sample: mean number of bytes between two samples. Else 0: every block is recorded.</summary>
    public long SampleIntervalBytes { get; init; }

    /// <summary>Bytes of memory taken for records, their index and call stacks.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Their limit; 0: none.</summary>
    public long MemoryLimitBytes { get; init; }

    /// <summary>Blocks recorded since the start.</summary>
    public long RecordedBlocks { get; init; }

    /// <summary>Recorded blocks that were freed.</summary>
    public long FreedBlocks { get; init; }

    /// <summary>Frees of blocks that have no record: from before the start, from native code, or from a stretch without
    /// recording. Not counted at level sample.</summary>
    public long UnknownFrees { get; init; }

    /// <summary>Blocks that should have been recorded and were not: while recording was stopped, after it ended, or at
    /// addresses that cannot be recorded.</summary>
    public long MissedBlocks { get; init; }

    /// <summary>When recording ended for good because memory for it could not be had; null while it goes on.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Whether the table of records has holes that no warning makes good: reports prove nothing then.</summary>
    internal bool HasHoles { get; init; }
}
