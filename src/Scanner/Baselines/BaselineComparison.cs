// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: which leaks a baseline has, and which are new or have grown.
// Who calls it: ReportBuilder, before a report is cut to its length; the tool, for the sum of a command's reports.
// The one idea: a site is its fingerprint, which stays through runs and rebuilds that leave the site alone; lines and addresses do not.
namespace NativeLeak.Baselines;

/// <summary>The sites of one report, or of several together, beside a baseline. Immutable.</summary>
internal sealed class BaselineComparison
{
    private readonly Dictionary<string, BaselineMatch> _matches = new(StringComparer.Ordinal);

    /// <summary>Compares.</summary>
    /// <param name="baseline">What is accepted.</param>
    /// <param name="groups">Every group that leaks.</param>
    /// <param name="isWhole">Whether these are all leaks of the program: only then can a site be gone.</param>
    public BaselineComparison(AcceptedLeaks baseline, IEnumerable<(string Fingerprint, LeakKind Kind, BlockTotal Total)> groups, bool isWhole)
    {
        Dictionary<string, (BlockTotal Total, bool IsDefinite)> sites = new(StringComparer.Ordinal);
        foreach ((string fingerprint, LeakKind kind, BlockTotal total) in groups)
        {
            (BlockTotal sum, bool isDefinite) = sites.GetValueOrDefault(fingerprint);
            sites[fingerprint] = (sum + total, isDefinite || kind == LeakKind.Definite);
        }

        BaselineTotal[] totals = new BaselineTotal[Enum.GetValues<BaselineState>().Length];
        foreach ((string fingerprint, (BlockTotal total, bool isDefinite)) in sites)
        {
            BaselineState state = !baseline.Sites.TryGetValue(fingerprint, out BlockTotal was) ? BaselineState.New
                : total.IsMoreThan(was) ? BaselineState.Grown : BaselineState.Known;
            _matches.Add(fingerprint, new BaselineMatch(state, was));
            totals[(int)state] = Add(totals[(int)state], total, isDefinite);
        }

        BaselineTotal gone = default;
        foreach ((string fingerprint, BlockTotal was) in baseline.Sites)
        {
            gone = isWhole && !sites.ContainsKey(fingerprint) ? Add(gone, was, isDefinite: false) : gone;
        }

        Summary = new BaselineSummary(baseline.Source, totals[0], totals[1], totals[2], gone);
    }

    /// <summary>The sites of each state.</summary>
    public BaselineSummary Summary { get; }

    /// <summary>Compares the leaks that a report lists.</summary>
    public static BaselineComparison Of(AcceptedLeaks baseline, LeakReport report) => new(
        baseline, report.Leaks.Select(static group => (group.Fingerprint, group.Kind, group.Total)), report.Check is null);

    /// <summary>What the baseline has of a site that was compared.</summary>
    public BaselineMatch Match(string fingerprint) => _matches[fingerprint];

    /// <summary>A report of sites that were compared, with what the baseline says; what is new comes first, then what has grown.</summary>
    public LeakReport Mark(LeakReport report) => report with
    {
        Baseline = Summary,
        Leaks =
        [
            .. report.Leaks.Select(group => group with { Baseline = _matches.GetValueOrDefault(group.Fingerprint) })
                .OrderBy(static group => group.Baseline?.State),
        ],
    };

    private static BaselineTotal Add(BaselineTotal sum, BlockTotal total, bool isDefinite)
        => new(sum.Sites + 1, sum.DefiniteSites + (isDefinite ? 1 : 0), sum.Total + total);
}
