// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;
using System.Xml.Linq;
using FsCheck;
using FsCheck.Fluent;
using NativeLeak.Baselines;
using NativeLeak.ExitApps;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Reporting;
using NativeLeak.Reporting.Formats;
using NativeLeak.Scanner.Tests.Reporting;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Baselines;

/// <summary>What is new, what has grown and what is known, and what each form of a report makes of it.</summary>
[TestFixture]
internal sealed class BaselineComparisonTests
{
    private static readonly FakeFacts s_facts = new()
    {
        Sites =
        {
            [2] = [new CallFrame(typeof(BaselineComparisonTests).GetMethod(nameof(TheTextAndTheFormsOfOthersSayIt))!, 5)],
            [3] = [new CallFrame(typeof(BaselineComparisonTests).GetMethod(nameof(WhatIsNewIsListedThoughTheListIsShort))!, 5)],
        },
    };

    private string _path = "";

    [SetUp]
    public void MakeFile() => _path = Path.GetTempFileName();

    [TearDown]
    public void RemoveFile() => File.Delete(_path);

    [TestCase(0, 0, BaselineState.New)]
    [TestCase(2, 300, BaselineState.Grown, Description = "more blocks")]
    [TestCase(3, 299, BaselineState.Grown, Description = "more bytes")]
    [TestCase(3, 300, BaselineState.Known)]
    [TestCase(3, 301, BaselineState.Known, Description = "fewer bytes")]
    [TestCase(4, 100, BaselineState.Known, Description = "fewer blocks, however large")]
    public void ASiteIsComparedByBlocksAndThenByBytes(long blocks, long bytes, BaselineState expected)
        => Assert.That(Compare(blocks == 0 ? [] : [("a", new(blocks, bytes))], [("a", LeakKind.Definite, new(3, 300))]).Match("a"),
            Is.EqualTo(new BaselineMatch(expected, new(blocks, bytes))));

    // A block may be lost by itself in one run and hang from another in the next.
    [Test]
    public void TheKindsOfASiteCountTogether()
    {
        BaselineComparison comparison = Compare(
            [("a", new(3, 300))], [("a", LeakKind.Definite, new(1, 100)), ("a", LeakKind.Indirect, new(1, 100)), ("a", LeakKind.Possible, new(1, 100))]);
        Assert.That(comparison.Summary.Known, Is.EqualTo(new BaselineTotal(1, 1, new(3, 300))));
    }

    [Test]
    public void OnlyAWholeReportTellsWhatIsGone()
    {
        Assert.That(Compare([("a", new(3, 300))], []).Summary.Gone, Is.EqualTo(new BaselineTotal(1, 0, new(3, 300))));
        Assert.That(Compare([("a", new(3, 300))], [], isWhole: false).Summary.Gone, Is.EqualTo(default(BaselineTotal)));
    }

    // The laws: every site has one state; blocks are neither lost nor counted twice; whatever is accepted is known.
    [Test]
    public void EverySiteHasOneState()
        => Prop.ForAll<(byte Site, byte Kind, byte Blocks)[], (byte Site, byte Blocks)[]>(static (leaks, accepted) =>
        {
            (string, LeakKind, BlockTotal)[] groups =
                [.. leaks.Select(static leak => ((leak.Site % 8).ToString(), (LeakKind)(leak.Kind % 3), new BlockTotal(leak.Blocks + 1, leak.Blocks + 1)))];
            BaselineSummary summary = Compare([.. accepted.Select(static one => ((one.Site % 8).ToString(), new BlockTotal(one.Blocks, one.Blocks)))], groups).Summary;
            BlockTotal all = groups.Aggregate(default(BlockTotal), static (sum, group) => sum + group.Item3);
            BaselineSummary same = Compare([.. groups.Select(static group => (group.Item1, group.Item3))], groups).Summary;
            return summary.New.Sites + summary.Grown.Sites + summary.Known.Sites == groups.DistinctBy(static group => group.Item1).Count()
                && summary.New.Total + summary.Grown.Total + summary.Known.Total == all
                && (same.New, same.Grown, same.Gone, same.Known.Total) == (default, default, default, all);
        }).QuickCheckThrowOnFailure();

    [TestCase(FailOn.New, true, true, false, false)]
    [TestCase(FailOn.Growth, true, true, true, false)]
    [TestCase(FailOn.Definite, true, true, true, true)]
    public void TheExitCodeIsAboutDefiniteLeaksOfThoseSites(FailOn failOn, bool without, bool ifNew, bool ifGrown, bool ifKnown)
    {
        LeakReport report = SampleReports.Leaky;
        bool Fails(long blocks) => failOn.IsMetBy(Mark(report, blocks == 0 ? [] : [("0123456789abcdef", new(blocks, 1))]));
        Assert.Multiple(() =>
        {
            Assert.That(failOn.IsMetBy(report), Is.EqualTo(without), "without a baseline everything is new");
            Assert.That(Fails(0), Is.EqualTo(ifNew));
            Assert.That(Fails(1), Is.EqualTo(ifGrown));
            Assert.That(Fails(2), Is.EqualTo(ifKnown));
            Assert.That(failOn.IsMetBy(Mark(report with { IsConclusive = false }, [])), Is.False);
        });
    }

    [TestCase(FailOn.New)]
    [TestCase(FailOn.Growth)]
    public void APossibleLeakFailsNothingThoughItIsNew(FailOn failOn)
        => Assert.That(failOn.IsMetBy(Mark(SampleReports.Leaky with { Leaks = [SampleReports.Leaky.Leaks[1]] }, [])), Is.False);

    [Test]
    public void TheTextAndTheFormsOfOthersSayIt()
    {
        LeakReport report = Mark(SampleReports.Leaky, [("fedcba9876543210", new(3, 40)), ("gone", new(7, 70))]);
        string text = report.ToText();
        using JsonDocument json = JsonDocument.Parse(report.ToJson());
        using JsonDocument sarif = JsonDocument.Parse(SarifWriter.Write(report));
        XElement suite = XDocument.Parse(System.Text.Encoding.UTF8.GetString(JUnitWriter.Write(report))).Root!.Element("testsuite")!;
        Assert.Multiple(() =>
        {
            Assert.That(text, Does.Contain("\n  baseline: new\n").And.Contain("\n  baseline: known\n"));
            Assert.That(text, Does.Contain("beside the baseline accepted.json: 1 new site(s) with 4096 byte(s) in 1 block(s), 0 grown to 0 byte(s) in 0 block(s), 1 known, 1 gone\n"));
            Assert.That(json.RootElement.GetProperty("baseline").GetProperty("new").GetProperty("definiteSites").GetInt64(), Is.EqualTo(1));
            Assert.That(json.RootElement.GetProperty("leaks")[1].GetProperty("baseline").GetProperty("state").GetString(), Is.EqualTo("known"));
            Assert.That(sarif.RootElement.GetProperty("runs")[0].GetProperty("results").EnumerateArray().Select(static result => result.GetProperty("baselineState").GetString()),
                Is.EqualTo(new[] { "new", "unchanged" }));
            Assert.That(GitHubWriter.Write(report).Split('\n')[..2].Select(static line => line.Split(' ')[0]), Is.EqualTo(new[] { "::error", "::notice" }));
            Assert.That((suite.Descendants("failure").Count(), (int)suite.Attribute("failures")!, suite.Elements("testcase").Count()), Is.EqualTo((1, 1, 2)));
        });
        LeakReport grown = Mark(SampleReports.Leaky, [("0123456789abcdef", new(1, 7)), ("fedcba9876543210", new(1, 1))]);
        using JsonDocument updated = JsonDocument.Parse(SarifWriter.Write(grown));
        Assert.That(updated.RootElement.GetProperty("runs")[0].GetProperty("results")[0].GetProperty("baselineState").GetString(), Is.EqualTo("updated"));
        Assert.That(grown.ToText(), Does.Contain("\n  baseline: grown, was 7 byte(s) in 1 block(s)\n"));
    }

    [Test]
    public void WhatIsNewIsListedThoughTheListIsShort()
    {
        LostBlock known = Lost.Block(2, Verdict.Definite, 5000), added = Lost.Block(3, Verdict.Definite, 8);
        File.WriteAllBytes(_path, BaselineWriter.Write(Build(0, known)));
        LeakReport report = Build(1, known, added);
        Assert.Multiple(() =>
        {
            Assert.That(report.Leaks.Single().Total.Bytes, Is.EqualTo(8), "though the other is larger");
            Assert.That(report.Leaks.Single().Baseline, Is.EqualTo(new BaselineMatch(BaselineState.New, default)));
            Assert.That(report.Baseline!.Known.Total, Is.EqualTo(new BlockTotal(1, 5000)), "though it is not listed");
            Assert.That(FailOn.New.IsMetBy(report), Is.True);
            Assert.That(FailOn.New.IsMetBy(Build(1, known)), Is.False);
        });
    }

    [Test]
    public void WithoutTheFileEverythingIsNewAndTheReportSaysWhy()
    {
        File.Delete(_path);
        LeakReport report = Build(0, Lost.Block(2, Verdict.Definite, 5000));
        Assert.That(report.Coverage.Warnings.Single(), Does.StartWith($"the baseline {_path} cannot be read: ").And.EndWith("; every leak counts as new"));
        Assert.That((report.Baseline, FailOn.New.IsMetBy(report)), Is.EqualTo(((BaselineSummary?)null, true)));
    }

    private LeakReport Build(int maximumGroups, params LostBlock[] lost)
    {
        ReportRequest request = new(ReportReason.Api, new ScanParameters(TimeSpan.Zero, ManagedHeapMode.Trace, false, 1000), maximumGroups, 3, [])
        {
            Baseline = File.Exists(_path) && new FileInfo(_path).Length == 0 ? "" : _path,
        };
        return new ReportBuilder(s_facts).Build(FakeOutcome.Of(lost), request);
    }

    private static LeakReport Mark(LeakReport report, (string Fingerprint, BlockTotal Total)[] accepted)
        => BaselineComparison.Of(Accept(accepted), report).Mark(report);

    private static BaselineComparison Compare(
        (string Fingerprint, BlockTotal Total)[] accepted, (string Fingerprint, LeakKind Kind, BlockTotal Total)[] groups, bool isWhole = true)
        => new(Accept(accepted), groups, isWhole);

    private static AcceptedLeaks Accept((string Fingerprint, BlockTotal Total)[] sites)
    {
        Dictionary<string, BlockTotal> all = [];
        foreach ((string fingerprint, BlockTotal total) in sites)
        {
            all[fingerprint] = all.GetValueOrDefault(fingerprint) + total;
        }

        return new AcceptedLeaks("accepted.json", all);
    }
}
