// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Allocation;

/// <summary>What the recorder is asked for; read once in a process, at the first start.</summary>
/// <param name="StackDepth">Frames that tell allocation sites apart, 1 … 64.</param>
internal readonly record struct RecorderSettings(int StackDepth)
{
    /// <summary>Mean number of bytes between two samples; 0 records every block.</summary>
    public long SampleIntervalByteCount { get; init; }

    /// <summary>Whether the site that the compiler told of an intercepted call stands for its call stack.</summary>
    public bool TakesCallSites { get; init; }

    /// <summary>Most bytes of metadata; <see cref="long.MaxValue"/>: as many as the system gives.</summary>
    public long MetadataByteLimit { get; init; } = long.MaxValue;
}
