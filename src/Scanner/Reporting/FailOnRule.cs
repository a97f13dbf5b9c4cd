// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Reporting;

/// <summary>When a report meets what <c>fail_on</c> asks for: the exit code of a process, and of the tool.</summary>
internal static class FailOnRule
{
    /// <summary>Whether it is met. An inconclusive scan proves nothing, so it fails nothing.</summary>
    public static bool IsMetBy(this FailOn failOn, LeakReport report) => report.IsConclusive && failOn switch
    {
        FailOn.Definite => report.Totals.Definite.Blocks > 0,
        FailOn.Possible => report.Totals.Definite.Blocks > 0 || report.Totals.Possible.Blocks > 0,
        FailOn.Reachable => report.Totals.Live.Blocks - report.Totals.Ignored.Blocks > 0,
        FailOn.New => Sites(report, report.Baseline?.New),
        FailOn.Growth => Sites(report, report.Baseline?.New) || Sites(report, report.Baseline?.Grown),
        _ => false,
    };

    // Only definite leaks: whether another is found may depend on where old words lie. Without a baseline everything is new.
    private static bool Sites(LeakReport report, BaselineTotal? total)
        => total is { } known ? known.DefiniteSites > 0 : report.Totals.Definite.Blocks > 0;
}
