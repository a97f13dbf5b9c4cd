// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text;
using NativeLeak.Reporting;
using NativeLeak.Reporting.Formats;

namespace NativeLeak;

/// <summary>
/// The result of one scan: what is lost, since when, from where, why that is believed, and what the scan could not see.
/// Immutable, therefore safe on any thread; holds no native memory and no pointer to a lost block.
/// </summary>
public sealed record LeakReport
{
    /// <summary>The process.</summary>
    public required ReportedProcess Process { get; init; }

    /// <summary>Whether no gap of the scan can have hidden a pointer. A report that is not conclusive proves nothing:
    /// neither that a listed block is lost, nor that nothing is.</summary>
    public required bool IsConclusive { get; init; }

    /// <summary>What the scan could see.</summary>
    public required ReportCoverage Coverage { get; init; }

    /// <summary>The scan itself.</summary>
    public required ReportedScan Scan { get; init; }

    /// <summary>The check (<see cref="LeakScope.Check"/>) whose blocks alone are listed; null: all blocks are.</summary>
    public string? Check { get; init; }

    /// <summary>What was recorded, and how.</summary>
    public ReportedTracker Tracker { get; init; } = new();

    /// <summary>All blocks per verdict.</summary>
    public required ReportTotals Totals { get; init; }

    /// <summary>What each heuristic that was asked for did; empty when none was.</summary>
    public IReadOnlyList<HeuristicTotal> Heuristics { get; init; } = [];

    /// <summary>What <see cref="Totals"/>, which counts samples, says about all blocks; null unless the level is
    /// sample.</summary>
    public ReportEstimates? Estimates { get; init; }

    /// <summary>At level count: what is still allocated, by line of code, most bytes first. Nothing in it is judged.
    /// Empty at every other level.</summary>
    public IReadOnlyList<AllocatedGroup> StillAllocated { get; init; } = [];

    /// <summary>The leaks, grouped by site and kind: definite first, then indirect, then possible, each by
    /// bytes. With a baseline, what is new comes before all else, then what has grown.</summary>
    public required IReadOnlyList<LeakGroup> Leaks { get; init; }

    /// <summary>What the program did wrong with unmanaged memory since it started: double, invalid and mismatched
    /// frees, writes to freed blocks. Each place once, with a count.</summary>
    public IReadOnlyList<MisuseGroup> Misuse { get; init; } = [];

    /// <summary>The suppressions that held, each with what it hid; those that hid nothing are there too.</summary>
    public IReadOnlyList<SuppressionTotal> Suppressions { get; init; } = [];

    /// <summary>The leaks beside the baseline; null without one.</summary>
    public BaselineSummary? Baseline { get; init; }

    /// <summary>Groups that <see cref="LeakDetectorOptions.MaximumLeaks"/> cut off <see cref="Leaks"/>.</summary>
    public int OmittedGroups { get; init; }

    /// <summary>Blocks and bytes of the groups that were cut off.</summary>
    public BlockTotal Omitted { get; init; }

    /// <summary>The answer to a question, where the scan was made for one; such a report lists nothing.</summary>
    internal Questions.LeakAnswer? Answer { get; init; }

    /// <summary>Whether anything is lost: definitely, indirectly or possibly.</summary>
    public bool HasLeaks => Totals.Leaked.Blocks > 0;

    /// <summary>Whether any misuse was seen. Leaks alone decide about exit codes.</summary>
    public bool HasMisuse => Misuse.Count > 0;

    /// <summary>Writes the report as text for people.</summary>
    /// <param name="verbosity">0 … 2, as in <see cref="LeakDetectorOptions.Verbosity"/>.</param>
    public string ToText(int verbosity = 0) => TextReportWriter.Write(this, new TextStyle(verbosity));

    /// <summary>Writes the report as JSON, schema <c>nativeleak.report/1</c>.</summary>
    public string ToJson() => Encoding.UTF8.GetString(JsonReportWriter.Write(this));

    /// <summary>The text of the report.</summary>
    public override string ToString() => ToText();
}
