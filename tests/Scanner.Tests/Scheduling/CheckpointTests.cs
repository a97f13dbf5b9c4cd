// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;
using NativeLeak.ExitApps;
using NativeLeak.Interop;
using NativeLeak.Options;
using NativeLeak.Reporting;
using NativeLeak.Scanner.Tests.Options;
using NativeLeak.Scanner.Tests.Reporting;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>When checkpoints are due, and what becomes of them; on a clock of the test's own.</summary>
[TestFixture]
internal sealed class CheckpointTests
{
    private const int Interval = 30_000;

    private ManualClock _clock = new();
    private long _liveBytes;
    private string _folder = string.Empty;

    private string ReportPath => _folder + "/r";

    [SetUp]
    public void MakeFolder()
    {
        _folder = Directory.CreateTempSubdirectory("nativeleak-").FullName;
        (_clock, _liveBytes) = (new ManualClock(), 0);
    }

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void WithoutTheOptionThereAreNone()
    {
        using DetectorSession session = Session("checkpoint=off");
        Assert.That(Start(session).DueIn(), Is.Null);
    }

    [TestCase("exit,signal")]
    [TestCase("none")]
    public void NotAmongTheOccasionsThereAreNone(string occasions)
    {
        using DetectorSession session = Session("checkpoint=30s,report_at=" + occasions);
        Assert.That(Start(session).DueIn(), Is.Null);
    }

    [Test]
    public void OneIsWrittenEachInterval()
    {
        using DetectorSession session = Session("checkpoint=30s");
        CheckpointSchedule schedule = Start(session);
        for (int i = 1; i <= 3; i++)
        {
            Assert.That(RunUntilOne(schedule, FakeOutcome.Of()), Is.EqualTo(i * Interval));
        }
    }

    [Test]
    public void LiveBytesThatDoubleAreAReasonForOneAndOnlyOnce()
    {
        using DetectorSession session = Session("checkpoint=30s");
        CheckpointSchedule schedule = Start(session);
        _liveBytes = (2 * CheckpointSchedule.LeastBytes) - 1;
        Assert.That(RunUntilOne(schedule, FakeOutcome.Of()), Is.EqualTo(Interval), "not yet doubled");
        _liveBytes = (2 * _liveBytes) + 2;
        Assert.That(RunUntilOne(schedule, FakeOutcome.Of()), Is.EqualTo(Interval + 1000), "seen by the next look");
        Assert.That(RunUntilOne(schedule, FakeOutcome.Of()), Is.EqualTo((2 * Interval) + 1000), "then by the timer again");
    }

    [Test]
    public void WhatIsLittleMayDoubleAsItLikes()
    {
        using DetectorSession session = Session("checkpoint=30s");
        CheckpointSchedule schedule = Start(session);
        _liveBytes = CheckpointSchedule.LeastBytes;
        Assert.That(RunUntilOne(schedule, FakeOutcome.Of()), Is.EqualTo(Interval));
    }

    [Test]
    public void AFileHoldsTheLastOneWholeAndOneThatWasCutShortDoesNotReplaceIt()
    {
        using DetectorSession session = Session("checkpoint=30s,format=json,log_path=" + ReportPath);
        CheckpointSchedule schedule = Start(session);
        RunUntilOne(schedule, FakeOutcome.Of(SnapshotStatus.Completed, ScanWarning.ThreadsNotParked));
        Assert.That(ReadBlocks(), Is.Zero, "better than nothing");
        RunUntilOne(schedule, FakeOutcome.Of(Lost.Block(1, Verdict.Definite, 8)));
        Assert.That(ReadBlocks(), Is.EqualTo(1));
        RunUntilOne(schedule, FakeOutcome.Of(Lost.Block(1, Verdict.Definite, 8), Lost.Block(1, Verdict.Definite, 8)));
        Assert.That(ReadBlocks(), Is.EqualTo(2), "the whole state, not what is new");
        RunUntilOne(schedule, FakeOutcome.Of(SnapshotStatus.Completed, ScanWarning.ThreadsNotParked));
        Assert.That(ReadBlocks(), Is.EqualTo(2));
    }

    // Runs the clock until the schedule wants a scan, hands it the outcome and tells the time.
    private int RunUntilOne(CheckpointSchedule schedule, FakeOutcome outcome)
    {
        ReportRequest request;
        do
        {
            _clock.Advance(schedule.DueIn()!.Value);
        }
        while (!schedule.TryCreateRequest(out request));
        Assert.That(request.Reason, Is.EqualTo(ReportReason.Checkpoint));
        using (outcome)
        {
            schedule.OnReport(new ReportBuilder(new FakeFacts()).Build(outcome, request));
        }

        return _clock.Milliseconds;
    }

    private CheckpointSchedule Start(DetectorSession session)
    {
        CheckpointSchedule schedule = new(session, () => _liveBytes, _clock);
        schedule.Begin();
        return schedule;
    }

    private DetectorSession Session(string options)
    {
        FakeOptionSource source = new();
        source.Variables["NATIVELEAK_OPTIONS"] = options;
        OptionSet set = source.Read();
        Assert.That(set.Warnings, Is.Empty);
        return new DetectorSession(
            new LeakDetectorOptions(set), new FakeFacts(), static () => throw new NotSupportedException(), TimeSpan.FromMinutes(1));
    }

    private long ReadBlocks()
    {
        using JsonDocument report = JsonDocument.Parse(File.ReadAllBytes(ReportPath));
        Assert.That(report.RootElement.GetProperty("process").GetProperty("reason").GetString(), Is.EqualTo("checkpoint"));
        return report.RootElement.GetProperty("totals").GetProperty("definite").GetProperty("blocks").GetInt64();
    }
}
