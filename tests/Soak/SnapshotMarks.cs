// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Soak;

/// <summary>What one snapshot said about the planted blocks, and what it cost.</summary>
internal readonly record struct SnapshotMarks
{
    /// <summary>Whether a child finished and its results are complete.</summary>
    public required bool IsCompleted { get; init; }

    /// <summary>Children that fell silent and were killed, or died, before one finished; says why.</summary>
    public required int FailedChildren { get; init; }

    /// <summary>What the engine says about failures; null when there was none.</summary>
    public required string? Detail { get; init; }

    /// <summary>Reachable planted blocks that were called lost.</summary>
    public required int WrongMarks { get; init; }

    /// <summary>Lost planted blocks that were found.</summary>
    public required int LeaksFound { get; init; }

    /// <summary>Blocks that nobody planted and that were called lost: the load loses none.</summary>
    public required int StrangeLeaks { get; init; }

    /// <summary>Threads of the process, and those of them that could not be parked.</summary>
    public required int ThreadsFound { get; init; }

    public required int ThreadsMissed { get; init; }

    /// <summary>How long the threads stood still.</summary>
    public required TimeSpan PauseTime { get; init; }

    /// <summary>Of that, until every thread stood still.</summary>
    public required TimeSpan ParkTime { get; init; }

    /// <summary>Of that, for the clone.</summary>
    public required TimeSpan CloneTime { get; init; }

    /// <summary>How long the child worked.</summary>
    public required TimeSpan ChildTime { get; init; }
}
