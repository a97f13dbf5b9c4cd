// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Text.Json;
using NativeLeak.ExitApps;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Reporting;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Reporting;

/// <summary>What the levels add to a report, and what they leave out.</summary>
[TestFixture]
internal sealed class LevelReportTests
{
    private static readonly MethodBase s_one = typeof(LevelReportTests).GetMethod(nameof(SitesThatAreOneLineAreOneRow))!;

    [Test]
    public void SitesThatAreOneLineAreOneRow()
    {
        FakeFacts facts = new()
        {
            Sites = { [2] = [new CallFrame(s_one, 5)], [3] = [new CallFrame(s_one, 5, 0x1000)], [4] = [new CallFrame(s_one, 9)] },
            Counts =
            [
                new SiteCount(4, AllocationApi.NativeMemoryAlloc, new BlockTotal(1, 5000)),
                new SiteCount(2, AllocationApi.NativeMemoryAlloc, new BlockTotal(2, 4000)),
                new SiteCount(3, AllocationApi.NativeMemoryAlloc, new BlockTotal(3, 3000)),
            ],
            Tracker = new ReportedTracker { Level = DetectorLevel.Count },
        };
        LeakReport report = CountReport.Build(facts, Request());
        Assert.Multiple(() =>
        {
            Assert.That(report.StillAllocated.Select(static row => row.Total),
                Is.EqualTo(new[] { new BlockTotal(5, 7000), new BlockTotal(1, 5000) }));
            Assert.That(report.Totals.Live, Is.EqualTo(new BlockTotal(6, 12_000)));
            Assert.That(report.HasLeaks || report.IsConclusive, Is.False, "nothing is judged");
            Assert.That(CountReport.Build(facts, Request(1)).StillAllocated, Has.Count.EqualTo(1));
        });
    }

    [Test]
    public void ACountNeverSpeaksOfLeaksAsFound()
    {
        FakeFacts facts = new()
        {
            Sites = { [2] = [new CallFrame(s_one, 5)] },
            Counts = [new SiteCount(2, AllocationApi.NativeMemoryAlloc, new BlockTotal(2, 4000))],
            Tracker = new ReportedTracker { Level = DetectorLevel.Count, RecordedBlocks = 9, FreedBlocks = 7 },
        };
        LeakReport report = CountReport.Build(facts, Request());
        string text = report.ToText();
        Assert.Multiple(() =>
        {
            Assert.That(text, Does.Contain("COUNT: 4000 byte(s) in 2 block(s) still allocated"));
            Assert.That(text, Does.Contain("Still allocated: 4000 byte(s) in 2 block(s) allocated by NativeMemory.Alloc:"));
            Assert.That(text, Does.Contain("tracker: level count, 9 block(s) recorded, 7 freed"));
            Assert.That(text, Does.Not.Contain("ERROR").And.Not.Contain("INCONCLUSIVE").And.Not.Contain("leaked"));
            Assert.That(text.TrimEnd(), Does.EndWith("SUMMARY: NativeLeak: 4000 byte(s) in 2 block(s) still allocated; "
                + "leaks are not judged at level count."));
        });
        using JsonDocument document = JsonDocument.Parse(report.ToJson());
        JsonElement row = document.RootElement.GetProperty("stillAllocated")[0];
        Assert.That((row.GetProperty("blocks").GetInt64(), row.GetProperty("bytes").GetInt64()), Is.EqualTo((2, 4000)));
        Assert.That(row.GetProperty("stack").GetArrayLength(), Is.EqualTo(1));
        Assert.That(document.RootElement.GetProperty("coverage").GetProperty("mode").GetString(), Is.EqualTo("count"));
    }

    [Test]
    public void SampledGroupsAndTotalsCarryTheirEstimates()
    {
        FakeFacts facts = new()
        {
            Sites = { [2] = [new CallFrame(s_one, 5)] },
            Tracker = new ReportedTracker { Level = DetectorLevel.Sample, SampleIntervalBytes = 1000 },
        };
        LostBlock[] lost = [Lost.Block(2, Verdict.Definite, 1000), Lost.Block(2, Verdict.Definite, 1000)];
        using FakeOutcome outcome = FakeOutcome.Of(lost);
        LeakReport report = new ReportBuilder(facts).Build(outcome, Request(interval: 1000));
        double chance = 1 - Math.Exp(-1);
        BlockEstimate estimate = report.Leaks.Single().Estimate!.Value;
        Assert.Multiple(() =>
        {
            Assert.That(report.Leaks.Single().Total, Is.EqualTo(new BlockTotal(2, 2000)), "samples are counted as they are");
            Assert.That(estimate.Blocks, Is.EqualTo(2 / chance).Within(1e-9));
            Assert.That(estimate.Bytes, Is.EqualTo(2000 / chance).Within(1e-6));
            Assert.That(estimate.BlocksError, Is.EqualTo(Math.Sqrt(2 * (1 - chance)) / chance).Within(1e-9));
            Assert.That(report.Estimates, Is.Not.Null);
            Assert.That(report.ToText(), Does.Contain("these are samples; estimated in all: 3164 ± 1357 byte(s) in 3 ± 1 block(s)")
                .And.Contain("one block in 1000 bytes on average"));
        });
        using JsonDocument document = JsonDocument.Parse(report.ToJson());
        JsonElement json = document.RootElement.GetProperty("leaks")[0].GetProperty("estimate");
        Assert.That(json.GetProperty("blocks").GetDouble(), Is.EqualTo(3.2));
        Assert.That(json.GetProperty("bytesError").GetDouble(), Is.EqualTo(1357));
        Assert.That(document.RootElement.GetProperty("tracker").GetProperty("sampleIntervalBytes").GetInt64(), Is.EqualTo(1000));
    }

    [Test]
    public void WhereEveryBlockIsRecordedThereIsNothingToEstimate()
    {
        using FakeOutcome outcome = FakeOutcome.Of(Lost.Block(2, Verdict.Definite, 1000));
        LeakReport report = new ReportBuilder(new FakeFacts()).Build(outcome, Request());
        Assert.That(report.Estimates, Is.Null);
        Assert.That(report.Leaks.Single().Estimate, Is.Null);
        Assert.That(report.ToText(), Does.Not.Contain("estimate").And.Contain("tracker: level on"));
    }

    [Test]
    public void ATableWithHolesProvesNothing()
    {
        FakeFacts facts = new()
        {
            Tracker = new ReportedTracker { HasHoles = true, EndedAt = FakeFacts.Epoch, MissedBlocks = 4, MemoryLimitBytes = 1 << 20 },
        };
        using FakeOutcome outcome = FakeOutcome.Of(Lost.Block(2, Verdict.Definite, 1000));
        LeakReport report = new ReportBuilder(facts).Build(outcome, Request());
        Assert.That(report.IsConclusive, Is.False);
        Assert.That(report.ToText(), Does.Contain("INCONCLUSIVE").And.Contain(", 4 missed").And.Contain("limit 1048576"));
        using JsonDocument document = JsonDocument.Parse(report.ToJson());
        JsonElement tracker = document.RootElement.GetProperty("tracker");
        Assert.That(tracker.GetProperty("endedAt").GetDateTimeOffset(), Is.EqualTo(FakeFacts.Epoch));
    }

    [Test]
    public async Task AtLevelCountASessionScansNothing()
    {
        FakeScan scan = new(static () => throw new InvalidOperationException("a scan"));
        FakeFacts facts = new() { Tracker = new ReportedTracker { Level = DetectorLevel.Count } };
        using DetectorSession session = new(
            new LeakDetectorOptions { FirstScan = TimeSpan.FromMilliseconds(1) }, facts, () => scan, TimeSpan.FromMinutes(1));
        session.Start();
        LeakReport report = await session.ScanAsync(CancellationToken.None);
        Assert.That(report.Coverage.Mode, Is.EqualTo("count"));
        Assert.That(report.Coverage.Warnings, Is.Empty);
        Assert.That(scan.Seen, Is.Empty);
    }

    private static ReportRequest Request(int maximumGroups = 0, long interval = 0) => new(
        ReportReason.Exit,
        new ScanParameters(TimeSpan.Zero, ManagedHeapMode.Trace, false, 100) { SampleIntervalBytes = interval },
        maximumGroups,
        3,
        []);
}
