// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Scheduling;

namespace NativeLeak.Reporting;

/// <summary>What a report is made for.</summary>
/// <param name="Reason">Why it is made.</param>
/// <param name="Parameters">What the scan was asked to do.</param>
/// <param name="MaximumGroups">Groups to list; 0 lists all.</param>
/// <param name="SamplesPerGroup">Blocks to show of each group.</param>
/// <param name="Warnings">Sentences to add to the report's own.</param>
internal readonly record struct ReportRequest(
    ReportReason Reason,
    ScanParameters Parameters,
    int MaximumGroups,
    int SamplesPerGroup,
    IReadOnlyList<string> Warnings)
{
    /// <summary>Which blocks earlier scans found unreachable too; null: every block is reported at once.</summary>
    public SuspectHistory? Suspects { get; init; }

    /// <summary>The files of suppressions, as the option names them.</summary>
    public string Suppressions { get; init; } = string.Empty;

    /// <summary>The file of what is accepted; empty: none.</summary>
    public string Baseline { get; init; } = string.Empty;

    /// <summary>Whether what is found becomes the baseline.</summary>
    public bool TakesBaseline { get; init; }

    /// <summary>Whether what is allocated is only counted, by site, as at level count: no scan is made.</summary>
    public bool CountsOnly { get; init; }

    /// <summary>The check whose blocks alone are told; 0: all blocks are.</summary>
    public uint Check { get; init; }

    /// <summary>What the check is called; null without one.</summary>
    public string? CheckName { get; init; }

    /// <summary>Whether roots are missing: then the report is inconclusive.</summary>
    public bool HasGaps { get; init; }
}
