// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the report of level count: a table of what is still allocated, by calling method.
// Who calls it: the scanner thread in place of a scan.
// The one idea: nothing is judged, so nothing may read like a verdict: no leaks, and never conclusive.
namespace NativeLeak.Reporting;

/// <summary>Builds reports without a scan.</summary>
internal static class CountReport
{
    private static readonly TimeSpan s_symbolBudget = TimeSpan.FromSeconds(5);

    /// <summary>How <see cref="ReportCoverage.Mode"/> names it.</summary>
    public const string Mode = "count";

    /// <summary>Counts and builds.</summary>
    public static LeakReport Build(IReportFacts facts, in ReportRequest request)
    {
        List<(ReportedSite Site, BlockTotal Total)> sites = Merge(facts);
        BlockTotal live = default;
        foreach ((_, BlockTotal total) in sites)
        {
            live += total;
        }

        int shown = request.MaximumGroups == 0 ? sites.Count : Math.Min(sites.Count, request.MaximumGroups);
        using SymbolResolver symbols = new(s_symbolBudget);
        FrameDescriber describer = new(symbols);
        List<AllocatedGroup> groups = [.. sites.Take(shown).Select(row => new AllocatedGroup
        {
            Fingerprint = Fingerprint.Compute(row.Site.Allocator, row.Site.Frames),
            Allocator = row.Site.Allocator,
            Total = row.Total,
            Stack = [.. row.Site.Frames.Select(describer.Describe)],
        })];
        List<string> warnings = [.. facts.Warnings, .. request.Warnings];
        if (sites.Count > shown)
        {
            warnings.Add(FormattableString.Invariant($"{sites.Count - shown} more site(s) not shown (max_leaks)"));
        }

        return new LeakReport
        {
            Process = ProcessFacts.Describe(request.Reason),
            IsConclusive = false,
            Coverage = new ReportCoverage
            {
                Tier = facts.Tier, Unseen = facts.Unseen, Mode = Mode, ManagedHeap = "none", Warnings = warnings,
            },
            Scan = new ReportedScan(0, TimeSpan.Zero, TimeSpan.Zero),
            Totals = new ReportTotals { Live = live },
            Leaks = [],
            Misuse = new ReportBuilder(facts).BuildMisuse(),
            Tracker = facts.Tracker,
            StillAllocated = groups,
        };
    }

    // Sites that differ by the callers of their caller, or by how the code was compiled, are one line of source.
    private static List<(ReportedSite Site, BlockTotal Total)> Merge(IReportFacts facts)
    {
        SiteIndex index = new(facts);
        Dictionary<string, (ReportedSite Site, BlockTotal Total)> sites = [];
        foreach (SiteCount count in facts.CountSites())
        {
            ReportedSite site = index.Get(count.Site, count.Api);
            BlockTotal known = sites.TryGetValue(site.Identity, out (ReportedSite Site, BlockTotal Total) row) ? row.Total : default;
            sites[site.Identity] = (site, known + count.Total);
        }

        return
        [
            .. sites.Values.OrderByDescending(static row => row.Total.Bytes)
                .ThenByDescending(static row => row.Total.Blocks)
                .ThenBy(static row => row.Site.Identity, StringComparer.Ordinal),
        ];
    }
}
