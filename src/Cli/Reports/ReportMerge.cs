// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one report of several: of the processes of a command, of the machines of a service.
// Who calls it: the verbs merge and run.
// The one idea: sites are added up by fingerprint and kind; what cannot be added (coverage, ages) is the most cautious of all.
using System.Globalization;
using NativeLeak.Reporting.Formats;

namespace NativeLeak.Cli.Reports;

/// <summary>Adds reports up.</summary>
internal static class ReportMerge
{
    private const int SamplesPerGroup = 3;

    /// <summary>The sum; of one report, that report.</summary>
    /// <param name="reports">At least one.</param>
    public static LeakReport Merge(IReadOnlyList<LeakReport> reports)
    {
        LeakReport first = reports[0];
        if (reports.Count == 1)
        {
            return first;
        }

        return first with
        {
            Process = first.Process with { ReportedAt = reports.Max(static report => report.Process.ReportedAt) },
            IsConclusive = reports.All(static report => report.IsConclusive),
            Coverage = Cover(reports),
            Check = null,
            Tracker = Sum(reports),
            Totals = reports.Aggregate(new ReportTotals(), static (sum, report) => Add(sum, report.Totals)),
            // Estimates of several processes have errors that cannot simply be added.
            Estimates = null,
            Heuristics = [.. reports.SelectMany(static report => report.Heuristics).GroupBy(static total => total.Heuristic)
                .Select(static same => new HeuristicTotal(same.Key, Sum(same.Select(static total => total.Total))))],
            Leaks = [.. reports.SelectMany(static report => report.Leaks)
                .GroupBy(static group => (group.Fingerprint, group.Kind, group.Tag)).Select(static same => Merge([.. same]))
                .OrderBy(static group => group.Kind).ThenByDescending(static group => group.Total.Bytes)
                .ThenBy(static group => group.Fingerprint, StringComparer.Ordinal)],
            StillAllocated = [.. reports.SelectMany(static report => report.StillAllocated).GroupBy(static group => group.Fingerprint)
                .Select(static same => same.First() with { Total = Sum(same.Select(static group => group.Total)) })
                .OrderByDescending(static group => group.Total.Bytes).ThenBy(static group => group.Fingerprint, StringComparer.Ordinal)],
            Misuse = [.. reports.SelectMany(static report => report.Misuse)],
            // How sites stand to a baseline is a question about sums.
            Baseline = null,
            // One that hid nothing anywhere stays in the list: it may be out of date.
            Suppressions = [.. reports.SelectMany(static report => report.Suppressions)
                .GroupBy(static suppression => (suppression.Name, suppression.Source))
                .Select(static same => same.First() with { Hidden = Sum(same.Select(static suppression => suppression.Hidden)) })],
        };
    }

    /// <summary>The line of the first frame that is not .NET's; or the method; or the API alone.</summary>
    public static string PlaceOf(IReadOnlyList<LeakFrame> stack, string allocator)
    {
        LeakFrame? frame = LeakPlace.Innermost(stack);
        return frame is null ? allocator : $"{LeakPlace.Write(frame)} ({allocator})";
    }

    private static LeakGroup Merge(IReadOnlyList<LeakGroup> same) => same.Count == 1 ? same[0] with { Baseline = null } : same[0] with
    {
        Total = Sum(same.Select(static group => group.Total)),
        Indirect = Sum(same.Select(static group => group.Indirect)),
        FirstAge = same.Max(static group => group.FirstAge),
        LastAge = same.Min(static group => group.LastAge),
        Threads = [.. same.SelectMany(static group => group.Threads).Distinct()],
        Samples = [.. same.SelectMany(static group => group.Samples).Take(SamplesPerGroup)],
        LastHolder = null,
        Estimate = null,
        Baseline = null,
    };

    private static ReportCoverage Cover(IReadOnlyList<LeakReport> reports)
    {
        ReportCoverage first = reports[0].Coverage;
        string processes = string.Join(", ", reports.Select(static report
            => string.Create(CultureInfo.InvariantCulture, $"{report.Process.Name} ({report.Process.Id})")));
        return first with
        {
            Tier = string.Join("; ", reports.Select(static report => report.Coverage.Tier).Distinct()),
            Unseen = [.. reports.SelectMany(static report => report.Coverage.Unseen).Distinct()],
            Mode = string.Join(", ", reports.Select(static report => report.Coverage.Mode).Distinct()),
            ManagedHeap = string.Join(", ", reports.Select(static report => report.Coverage.ManagedHeap).Distinct()),
            IsAtRest = reports.All(static report => report.Coverage.IsAtRest),
            Looks = reports.Max(static report => report.Coverage.Looks),
            ThreadsFound = (int)Math.Min(reports.Sum(static report => (long)report.Coverage.ThreadsFound), int.MaxValue),
            ThreadsParked = (int)Math.Min(reports.Sum(static report => (long)report.Coverage.ThreadsParked), int.MaxValue),
            RootBytes = reports.Sum(static report => report.Coverage.RootBytes),
            BlockBytes = reports.Sum(static report => report.Coverage.BlockBytes),
            UnreadableBytes = reports.Sum(static report => report.Coverage.UnreadableBytes),
            Warnings = [$"merged of {reports.Count} reports: {processes}", .. reports.SelectMany(static report => report.Coverage.Warnings).Distinct()],
        };
    }

    private static ReportedTracker Sum(IReadOnlyList<LeakReport> reports) => reports[0].Tracker with
    {
        MemoryBytes = reports.Sum(static report => report.Tracker.MemoryBytes),
        RecordedBlocks = reports.Sum(static report => report.Tracker.RecordedBlocks),
        FreedBlocks = reports.Sum(static report => report.Tracker.FreedBlocks),
        UnknownFrees = reports.Sum(static report => report.Tracker.UnknownFrees),
        MissedBlocks = reports.Sum(static report => report.Tracker.MissedBlocks),
        EndedAt = reports.Min(static report => report.Tracker.EndedAt),
    };

    private static ReportTotals Add(ReportTotals left, ReportTotals right) => new()
    {
        Live = left.Live + right.Live,
        Reachable = left.Reachable + right.Reachable,
        WeaklyHeld = left.WeaklyHeld + right.WeaklyHeld,
        Definite = left.Definite + right.Definite,
        Indirect = left.Indirect + right.Indirect,
        Possible = left.Possible + right.Possible,
        Young = left.Young + right.Young,
        Unconfirmed = left.Unconfirmed + right.Unconfirmed,
        Ignored = left.Ignored + right.Ignored,
        Suppressed = left.Suppressed + right.Suppressed,
    };

    private static BlockTotal Sum(IEnumerable<BlockTotal> totals) => totals.Aggregate(default(BlockTotal), BlockTotal.Add);
}
