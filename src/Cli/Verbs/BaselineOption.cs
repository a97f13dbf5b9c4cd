// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using NativeLeak.Baselines;
using NativeLeak.Cli.Reports;

namespace NativeLeak.Cli.Verbs;

/// <summary>The option <c>--baseline</c>: the file of leaks that are accepted.</summary>
internal sealed class BaselineOption
{
    /// <summary>The option itself.</summary>
    public Option<string?> Option { get; } = new("--baseline")
    {
        Description = "Leaks that are accepted: a file of --format baseline, or a JSON report. Reports then say which leaks are new and which have grown.",
    };

    /// <summary>Adds it to a command.</summary>
    public void AddTo(Command command) => command.Add(Option);

    /// <summary>The file, or null.</summary>
    public string? Path(ParseResult parsed) => parsed.GetValue(Option);

    /// <summary>Reads the file; null without the option.</summary>
    /// <exception cref="ToolException">It cannot be read, or is no baseline.</exception>
    public AcceptedLeaks? Load(ParseResult parsed) => Path(parsed) is not { } path ? null
        : BaselineFile.TryRead(path, out string? error) ?? throw new ToolException(error!);

    /// <summary>Reports with what the baseline says of all of them together; those with gaps say nothing about sums.</summary>
    public static IReadOnlyList<LeakReport> Mark(AcceptedLeaks? baseline, IReadOnlyList<LeakReport> reports)
    {
        if (baseline is null || reports.Count == 0)
        {
            return reports;
        }

        LeakReport[] conclusive = [.. reports.Where(static report => report.IsConclusive)];
        BaselineComparison comparison = BaselineComparison.Of(baseline, ReportMerge.Merge(conclusive.Length > 0 ? conclusive : reports));
        return [.. reports.Select(comparison.Mark)];
    }
}
