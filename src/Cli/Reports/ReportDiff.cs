// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what one report has and another has not.
// Who calls it: the verb diff.
// The one idea: a site is its fingerprint, which stays through runs and rebuilds; addresses and lines do not.
using System.Globalization;
using NativeLeak.Cli.Terminals;

namespace NativeLeak.Cli.Reports;

/// <summary>How a site changed.</summary>
internal enum Change
{
    /// <summary>It is in the new report only.</summary>
    New,

    /// <summary>It has more blocks, or more bytes.</summary>
    Grown,

    /// <summary>It has fewer.</summary>
    Shrunk,

    /// <summary>It is in the old report only.</summary>
    Gone,
}

/// <summary>A site that changed.</summary>
internal sealed record DiffRow(Change Change, string Fingerprint, string Kind, string Place, BlockTotal Old, BlockTotal New);

/// <summary>The difference of two reports.</summary>
internal sealed class ReportDiff
{
    /// <summary>Compares leaks; of reports at level count, and of those of control sites, what is still allocated.</summary>
    public ReportDiff(LeakReport old, LeakReport now)
    {
        Dictionary<string, Site> before = SitesOf(old), after = SitesOf(now);
        List<DiffRow> rows = [];
        foreach ((string key, Site site) in after)
        {
            BlockTotal was = before.TryGetValue(key, out Site? known) ? known.Total : default;
            if (was != site.Total)
            {
                Change change = known is null ? Change.New : site.Total.IsMoreThan(was) ? Change.Grown : Change.Shrunk;
                rows.Add(new DiffRow(change, site.Fingerprint, site.Kind, site.Place, was, site.Total));
            }
        }

        rows.AddRange(before.Where(pair => !after.ContainsKey(pair.Key)).Select(static pair
            => new DiffRow(Change.Gone, pair.Value.Fingerprint, pair.Value.Kind, pair.Value.Place, pair.Value.Total, default)));
        Rows = [.. rows.OrderBy(static row => row.Change).ThenByDescending(static row => Math.Abs(row.New.Bytes - row.Old.Bytes))
            .ThenBy(static row => row.Fingerprint, StringComparer.Ordinal)];
    }

    /// <summary>What changed: new, grown, shrunk, gone, each by bytes.</summary>
    public IReadOnlyList<DiffRow> Rows { get; }

    /// <summary>As text.</summary>
    public string ToText() => Rows.Count == 0 ? "no difference\n" : PlainTable.Write(
    [
        ["change", "kind", "bytes", "blocks", "fingerprint", "allocated at"],
        .. Rows.Select(static row => (string[])
        [
            row.Change.ToString().ToLowerInvariant(), row.Kind,
            SiteView.Signed(row.New.Bytes - row.Old.Bytes), SiteView.Signed(row.New.Blocks - row.Old.Blocks),
            row.Fingerprint, row.Place,
        ]),
    ]);

    // Two groups of one site and kind differ by their tags only: they count together.
    private static Dictionary<string, Site> SitesOf(LeakReport report)
    {
        Dictionary<string, Site> sites = [];
        foreach (LeakGroup group in report.Leaks)
        {
            string kind = group.Kind.ToString().ToLowerInvariant();
            Add(sites, new Site(group.Fingerprint, kind, ReportMerge.PlaceOf(group.Stack, group.Allocator), group.Total));
        }

        foreach (AllocatedGroup group in report.StillAllocated)
        {
            Add(sites, new Site(group.Fingerprint, "allocated", ReportMerge.PlaceOf(group.Stack, group.Allocator), group.Total));
        }

        return sites;
    }

    private static void Add(Dictionary<string, Site> sites, Site site)
    {
        string key = string.Create(CultureInfo.InvariantCulture, $"{site.Kind} {site.Fingerprint}");
        sites[key] = sites.TryGetValue(key, out Site? known) ? known with { Total = known.Total + site.Total } : site;
    }

    private sealed record Site(string Fingerprint, string Kind, string Place, BlockTotal Total);
}
