// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: turns the outcome of a scan into a report: groups by line of source and kind, names, lines, evidence.
// Who calls it: the scanner thread, after every thread of the process runs again.
// The one idea: everything slow (names, PDBs) happens here, once per line of source that is shown, never in the pause.
using System.Globalization;
using System.Runtime.InteropServices;
using NativeLeak.Baselines;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Roots;
using NativeLeak.Suppressing;
using NativeLeak.Verdicts;

namespace NativeLeak.Reporting;

/// <summary>Builds reports. Not thread-safe; one per report.</summary>
internal sealed class ReportBuilder(IReportFacts facts)
{
    private static readonly CultureInfo s_invariant = CultureInfo.InvariantCulture;

    private readonly MemoryPlaces _places = new();

    // A report at exit must not outlive the patience of whoever waits for the process to end.
    private static readonly TimeSpan s_symbolBudget = TimeSpan.FromSeconds(5);

    /// <summary>Builds the report of a scan.</summary>
    public LeakReport Build(ScanOutcome outcome, in ReportRequest request)
    {
        ScanCounters counters = outcome.Counters;
        ReportedTracker tracker = facts.Tracker;
        KindSums unconfirmed = new();
        List<ListedBlock> blocks = List(outcome.Lost, request, unconfirmed);
        SuppressionSet suppressions = new(request.Suppressions, DateOnly.FromDateTime(outcome.StartedAt.UtcDateTime));
        HiddenBlocks hidden = HiddenBlocks.Find(outcome.Lost, blocks, suppressions);
        List<GroupTally> tallies = Sort(Count(outcome.Lost, outcome.Details, request, blocks, hidden));
        BaselineComparison? baseline = Compare(tallies, request, out string? problem);
        if (baseline is not null)
        {
            // Before the list is cut: what is new must not be what is left out.
            tallies = [.. tallies.OrderBy(tally => baseline.Match(FingerprintOf(tally)).State)];
        }

        int shown = request.MaximumGroups == 0 ? tallies.Count : Math.Min(tallies.Count, request.MaximumGroups);
        BlockTotal omitted = default;
        foreach (GroupTally tally in tallies.Skip(shown))
        {
            omitted += tally.Total;
        }

        List<string> warnings = [.. ScanSentences.Describe(outcome), .. facts.Warnings, .. request.Warnings, .. suppressions.Warnings];
        if (problem is not null)
        {
            warnings.Add(problem + "; every leak counts as new");
        }

        List<LeakGroup> groups = BuildGroups(tallies.Take(shown), outcome, baseline, warnings);
        AddOmissions(warnings, tallies.Count - shown, omitted, counters.LostCount, outcome.Lost.Length);
        return new LeakReport
        {
            Process = ProcessFacts.Describe(request.Reason),
            // A table with holes proves nothing (kmemleak's rule).
            IsConclusive = outcome.IsConclusive && !tracker.HasHoles && !request.HasGaps,
            Check = request.CheckName,
            Coverage = Cover(outcome, warnings),
            Scan = new ReportedScan(outcome.Number, outcome.Snapshot.PauseTime, outcome.Duration),
            Totals = hidden.Sums.TakeFrom(unconfirmed.TakeFrom(Totals(counters))) with
            {
                Unconfirmed = unconfirmed.All,
                Suppressed = hidden.Sums.All,
            },
            Suppressions = hidden.Totals,
            Baseline = baseline?.Summary,
            Estimates = Estimates.Of(counters, request.Parameters.SampleIntervalBytes),
            Heuristics = HeldFacts.Saved(counters, request.Parameters.Heuristics),
            Leaks = groups,
            Tracker = tracker,
            Misuse = BuildMisuse(),
            OmittedGroups = tallies.Count - shown,
            Omitted = omitted,
        };
    }

    /// <summary>Builds the report of a scan that never came to an outcome: inconclusive, with the reason.</summary>
    public LeakReport BuildFailed(string reason, in ReportRequest request) => new()
    {
        Process = ProcessFacts.Describe(request.Reason),
        IsConclusive = false,
        Check = request.CheckName,
        Coverage = new ReportCoverage
        {
            Tier = facts.Tier,
            Unseen = facts.Unseen,
            Mode = "none",
            ManagedHeap = "none",
            Warnings = ["no scan: " + reason, .. facts.Warnings, .. request.Warnings],
        },
        Scan = new ReportedScan(0, TimeSpan.Zero, TimeSpan.Zero),
        Totals = new ReportTotals(),
        Leaks = [],
        Tracker = facts.Tracker,
        Misuse = BuildMisuse(),
    };

    /// <summary>What the program did wrong so far, with names and lines.</summary>
    internal IReadOnlyList<MisuseGroup> BuildMisuse()
    {
        IReadOnlyList<FoundMisuse> found = facts.Misuse;
        if (found.Count == 0)
        {
            return [];
        }

        using SymbolResolver symbols = new(s_symbolBudget);
        return MisuseDescriber.Describe(found, new FrameDescriber(symbols));
    }

    // The blocks that are lost, as far as that is confirmed.
    private List<ListedBlock> List(ReadOnlySpan<LostBlock> lost, in ReportRequest request, KindSums unconfirmed)
    {
        SiteIndex sites = new(facts);
        Dictionary<(string Identity, LeakKind Kind, string? Tag), ListedGroup> groups = [];
        List<ListedBlock> blocks = [];
        for (int i = 0; i < lost.Length; i++)
        {
            ref readonly LostBlock block = ref lost[i];
            LeakKind kind;
            switch (block.Verdict)
            {
                case Verdict.Definite: kind = LeakKind.Definite; break;
                case Verdict.Indirect: kind = LeakKind.Indirect; break;
                case Verdict.Possible: kind = LeakKind.Possible; break;
                default: continue;
            }

            if (request.Suspects?.IsConfirmed(block) == false)
            {
                unconfirmed.Add(kind, new BlockTotal(1, (long)block.BlockByteCount));
                continue;
            }

            ReportedSite site = sites.Get(block.Site, (AllocationApi)block.Api);
            site = BlockNotes.SiteOf(block, site, sites);
            string? tag = BlockNotes.TagOf(block);
            ref ListedGroup? group = ref CollectionsMarshal.GetValueRefOrAddDefault(groups, (site.Identity, kind, tag), out _);
            blocks.Add(new ListedBlock(i, group ??= new ListedGroup(kind, site, tag)));
        }

        return blocks;
    }

    private static IEnumerable<GroupTally> Count(
        ReadOnlySpan<LostBlock> lost, ReadOnlySpan<LostDetail> details, in ReportRequest request, List<ListedBlock> blocks,
        HiddenBlocks hidden)
    {
        Dictionary<ListedGroup, GroupTally> tallies = [];
        foreach ((int index, ListedGroup group) in blocks)
        {
            if (hidden.Contains(index))
            {
                continue;
            }

            if (!tallies.TryGetValue(group, out GroupTally? tally))
            {
                tally = new GroupTally(group.Site, group.Kind, request.SamplesPerGroup, request.Parameters.SampleIntervalBytes)
                {
                    Tag = group.Tag,
                };
                tallies.Add(group, tally);
            }

            tally.Add(lost[index]);
            if (index < details.Length)
            {
                tally.Holders.Add(details[index]);
            }
        }

        return tallies.Values;
    }

    private static List<GroupTally> Sort(IEnumerable<GroupTally> tallies) =>
    [
        .. tallies.OrderBy(static tally => tally.Kind)
            .ThenByDescending(static tally => tally.Total.Bytes)
            .ThenByDescending(static tally => tally.Total.Blocks)
            .ThenBy(static tally => tally.Site.Identity, StringComparer.Ordinal)
            .ThenBy(static tally => tally.Tag, StringComparer.Ordinal),
    ];

    private static string FingerprintOf(GroupTally tally) => Fingerprint.Compute(tally.Site.Allocator, tally.Site.Frames);

    private static BaselineComparison? Compare(List<GroupTally> tallies, in ReportRequest request, out string? problem)
    {
        problem = null;
        return request.Baseline.Length == 0 || BaselineFile.TryRead(request.Baseline, out problem) is not { } baseline ? null
            : new BaselineComparison(baseline, tallies.Select(static tally => (FingerprintOf(tally), tally.Kind, tally.Total)), request.CheckName is null);
    }

    private List<LeakGroup> BuildGroups(
        IEnumerable<GroupTally> tallies, ScanOutcome outcome, BaselineComparison? baseline, List<string> warnings)
    {
        using SymbolResolver symbols = new(s_symbolBudget);
        FrameDescriber describer = new(symbols);
        LeakEvidence evidence = new(_places, new HolderText(facts, _places, describer));
        List<LeakGroup> groups = [.. tallies.Select(tally => BuildGroup(tally, outcome, baseline, describer, evidence))];
        if (symbols.Missing.Count > 0)
        {
            warnings.Add("no lines for frames of " + string.Join(", ", symbols.Missing)
                + ": no portable PDB beside or inside the assembly");
        }

        if (symbols.IsExhausted)
        {
            warnings.Add("the time for finding source lines was used up: some frames have none");
        }

        return groups;
    }

    private LeakGroup BuildGroup(
        GroupTally tally, ScanOutcome outcome, BaselineComparison? baseline, FrameDescriber describer, LeakEvidence evidence)
    {
        LeakHolder? heldBy = evidence.HeldBy(tally);
        string fingerprint = FingerprintOf(tally);
        return new()
        {
            Fingerprint = fingerprint,
            Kind = tally.Kind,
            Total = tally.Total,
            Estimate = tally.Estimate,
            Indirect = tally.Indirect,
            Allocator = tally.Site.Allocator,
            Tag = tally.Tag,
            FirstAge = Age(outcome, tally.FirstTick),
            LastAge = Age(outcome, tally.LastTick),
            Threads = [.. tally.Threads.Select(facts.DescribeThread)],
            Stack = [.. tally.Site.Frames.Select(describer.Describe)],
            Samples = tally.Samples,
            Evidence = evidence.Why(tally, heldBy, outcome.Counters),
            HeldBy = heldBy,
            LastHolder = evidence.Last(tally),
            Baseline = baseline?.Match(fingerprint),
        };
    }

    private TimeSpan Age(ScanOutcome outcome, uint birthTick)
    {
        TimeSpan age = outcome.StartedAt - facts.TimeOf(birthTick);
        return age > TimeSpan.Zero ? age : TimeSpan.Zero;
    }

    private static void AddOmissions(List<string> warnings, int groups, BlockTotal omitted, long lostCount, int listed)
    {
        if (groups > 0)
        {
            warnings.Add(string.Create(s_invariant,
                $"{groups} more group(s), {omitted.Bytes} byte(s) in {omitted.Blocks} block(s), not shown "
                + $"(max_leaks)"));
        }

        if (lostCount > listed)
        {
            warnings.Add(string.Create(s_invariant, $"{lostCount - listed} more lost block(s) are in the totals "
                + $"but in no group: the scan's list was full"));
        }
    }

    private ReportCoverage Cover(ScanOutcome outcome, List<string> warnings) => new()
    {
        Tier = facts.Tier,
        Unseen = facts.Unseen,
        Mode = outcome.Snapshot.Status != SnapshotStatus.Completed ? "none" : outcome.Manner.Mode == ScanMode.Concurrent ? "concurrent" : "snapshot",
        Looks = outcome.Manner.Looks,
        IsAtRest = outcome.Manner.IsAtRest,
        ManagedHeap = ScanSentences.IsConservative(outcome) ? "conservative" : outcome.ManagedHeap.ToString().ToLowerInvariant(),
        ManagedHeapReason = outcome.ManagedHeapReason.Length == 0 && ScanSentences.IsConservative(outcome)
            ? ScanSentences.NoMemoryForTracing
            : outcome.ManagedHeapReason,
        ThreadsFound = ScanSentences.ThreadsOfTheApplication(outcome.Snapshot),
        ThreadsParked = ScanSentences.ThreadsOfTheApplication(outcome.Snapshot) - outcome.Snapshot.ThreadsUncovered,
        RootBytes = outcome.Counters.RootBytes,
        BlockBytes = outcome.Counters.BlockBytes,
        UnreadableBytes = outcome.Counters.UnreadableBytes,
        Warnings = warnings,
    };

    private static ReportTotals Totals(in ScanCounters counters) => new()
    {
        Live = Total(counters.Live),
        Reachable = Total(counters.Reachable),
        Definite = Total(counters.Definite),
        Indirect = Total(counters.Indirect),
        Possible = Total(counters.Possible),
        Young = Total(counters.Young),
        Ignored = Total(counters.Ignored),
        WeaklyHeld = new(counters.Held.FrailBlocks, counters.Held.FrailBytes),
    };

    private static BlockTotal Total(KindTotal total) => new(total.Blocks, total.Bytes);
}
