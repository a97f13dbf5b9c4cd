// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>Estimates of <see cref="ReportTotals"/> for all blocks of the process, from the sampled ones.</summary>
public sealed record ReportEstimates
{
    /// <summary>All blocks that are allocated.</summary>
    public BlockEstimate Live { get; init; }

    /// <summary>Blocks that something in the process still points to.</summary>
    public BlockEstimate Reachable { get; init; }

    /// <summary>Blocks that nothing points to. At most what is lost: see the README on level sample.</summary>
    public BlockEstimate Definite { get; init; }

    /// <summary>Blocks that only lost sampled blocks point to.</summary>
    public BlockEstimate Indirect { get; init; }

    /// <summary>Blocks that only interior pointers lead to.</summary>
    public BlockEstimate Possible { get; init; }

    /// <summary>Unreachable blocks that are too young to be judged.</summary>
    public BlockEstimate Young { get; init; }
}
