// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.ExitApps;
using NativeLeak.Interop;
using NativeLeak.Options;
using NativeLeak.Scanner.Tests.Reporting;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Scheduling;

[TestFixture]
internal sealed class DetectorSessionTests
{
    private string _folder = string.Empty;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task ARequestGetsItsReportAndTheOutcomeIsGivenBack()
    {
        FakeOutcome outcome = FakeOutcome.Of(Lost.Block(1, Verdict.Definite, 8));
        FakeScan scan = new(() => outcome);
        using DetectorSession session = Start(scan);
        LeakReport report = await session.ScanAsync(CancellationToken.None);
        Assert.Multiple(() =>
        {
            Assert.That(report.Process.Reason, Is.EqualTo(ReportReason.Api));
            Assert.That(report.Leaks, Has.Count.EqualTo(1));
            Assert.That(outcome.IsDisposed, Is.True);
            Assert.That(scan.Seen.Single().MinimumAge, Is.EqualTo(TimeSpan.FromSeconds(5)));
        });
    }

    [Test]
    public void TheExitScanJudgesTheYoungestBlockToo()
    {
        FakeScan scan = new(() => FakeOutcome.Of());
        using DetectorSession session = Start(scan);
        LeakReport report = session.MakeExitReport(ReportReason.Exit, TimeSpan.FromMinutes(1));
        Assert.That(report.Process.Reason, Is.EqualTo(ReportReason.Exit));
        Assert.That(scan.Seen.Single().MinimumAge, Is.EqualTo(TimeSpan.Zero));
    }

    [Test]
    public async Task AScanThatThrowsIsAnInconclusiveReport()
    {
        FakeScan scan = new(static () => throw new InvalidOperationException("inner trouble"));
        using DetectorSession session = Start(scan);
        LeakReport report = await session.ScanAsync(CancellationToken.None);
        Assert.That(report.IsConclusive, Is.False);
        Assert.That(report.Coverage.Warnings, Has.One.Contains("inner trouble"));
    }

    [Test]
    public async Task AScanThatCannotBeMadeIsAnInconclusiveReportEachTime()
    {
        using DetectorSession session = Start(null, static () => throw new NotSupportedException("no way"));
        for (int i = 0; i < 2; i++)
        {
            LeakReport report = await session.ScanAsync(CancellationToken.None);
            Assert.That(report.Coverage.Warnings, Has.One.Contains("no way"));
        }
    }

    [Test]
    public async Task ScansNeverOverlap()
    {
        int running = 0, most = 0;
        FakeScan scan = new(() =>
        {
            most = Math.Max(most, Interlocked.Increment(ref running));
            Thread.Yield();
            Interlocked.Decrement(ref running);
            return FakeOutcome.Of();
        });
        using DetectorSession session = Start(scan);
        await Task.WhenAll(Enumerable.Range(0, 50)
            .Select(_ => Task.Run(() => session.ScanAsync(CancellationToken.None))));
        Assert.That((scan.Seen.Count, most), Is.EqualTo((50, 1)));
    }

    [Test]
    public async Task ACancelledWaitEndsAtOnceAndAQueuedOneIsNotScanned()
    {
        using ManualResetEventSlim gate = new();
        FakeScan scan = new(() =>
        {
            gate.Wait();
            return FakeOutcome.Of();
        });
        using DetectorSession session = Start(scan);
        using CancellationTokenSource first = new(), second = new();
        Task running = session.ScanAsync(first.Token);
        Task queued = session.ScanAsync(second.Token);
        first.Cancel();
        second.Cancel();
        Assert.That(async () => await running, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await queued, Throws.InstanceOf<OperationCanceledException>());
        gate.Set();
        await session.ScanAsync(CancellationToken.None);
        Assert.That(scan.Seen, Has.Count.LessThanOrEqualTo(2), "the queued one was never run");
    }

    [Test]
    public async Task AfterStoppingRequestsAreAnsweredWithoutAScan()
    {
        DetectorSession session = Start(new FakeScan(static () => FakeOutcome.Of()));
        session.Dispose();
        LeakReport report = await session.ScanAsync(CancellationToken.None);
        Assert.That(report.IsConclusive, Is.False);
        Assert.That(report.Coverage.Warnings, Has.One.Contains("stopped"));
    }

    [Test]
    public async Task AScheduledScanTellsOnceAndAgainWhenItGrows()
    {
        int leaks = 1;
        using SemaphoreSlim told = new(0);
        List<LeaksFoundEventArgs> events = [];
        FakeScan scan = new(() => FakeOutcome.Of(
            [.. Enumerable.Repeat(Lost.Block(1, Verdict.Definite, 8), Volatile.Read(ref leaks))]));
        OptionSet set = Options("first_scan=1ms,scan_interval=1ms,format=json,log_path=" + _folder + "/r");
        using DetectorSession session = new(
            new LeakDetectorOptions(set), new FakeFacts(), () => scan, TimeSpan.FromMinutes(1))
        {
            LeaksFound = arguments =>
            {
                events.Add(arguments);
                told.Release();
                throw new InvalidOperationException("a listener's own");
            },
        };
        session.Start();
        await told.WaitAsync();
        int scans = scan.Seen.Count;
        while (scan.Seen.Count < scans + 5)
        {
            await Task.Yield();
        }

        Assert.That(events, Has.Count.EqualTo(1), "the same leak is not told again");
        Volatile.Write(ref leaks, 2);
        await told.WaitAsync();
        Assert.Multiple(() =>
        {
            Assert.That(events[^1].NewLeaks.Single().Total.Blocks, Is.EqualTo(2));
            Assert.That(events[^1].Report.Process.Reason, Is.EqualTo(ReportReason.Scan));
            Assert.That(File.Exists(_folder + "/r"), Is.True);
        });

        LeakReport next = await WaitFor(session, static report => report.Coverage.Warnings.Count > 0);
        Assert.That(next.Coverage.Warnings, Has.One.Contains("LeaksFound listener threw InvalidOperationException"));
    }

    [Test]
    public async Task AnInconclusiveScheduledScanTellsNothing()
    {
        FakeScan scan = new(static () => FakeOutcome.Of(
            SnapshotStatus.Completed, ScanWarning.ThreadsNotParked, Lost.Block(1, Verdict.Definite, 8)));
        OptionSet set = Options("first_scan=1ms,scan_interval=1ms,log_path=" + _folder + "/r");
        using DetectorSession session = new(
            new LeakDetectorOptions(set), new FakeFacts(), () => scan, TimeSpan.FromMinutes(1))
        {
            LeaksFound = static _ => Assert.Fail("told"),
        };
        session.Start();
        while (scan.Seen.Count < 3)
        {
            await Task.Yield();
        }

        Assert.That(File.Exists(_folder + "/r"), Is.False);
    }

    [Test]
    public async Task ACheckLooksTwiceBeforeItTellsAndAnExitDoesNotWait()
    {
        using SemaphoreSlim told = new(0);
        LeaksFoundEventArgs? event1 = null;
        int number = 0;
        FakeScan scan = new(() => FakeOutcome.Numbered(++number, Lost.Block(1, Verdict.Definite, 8)));
        OptionSet set = Options("first_scan=1ms,scan_interval=off,log_path=" + _folder + "/r");
        using DetectorSession session = new(
            new LeakDetectorOptions(set), new FakeFacts(), () => scan, TimeSpan.FromMinutes(1))
        {
            LeaksFound = arguments =>
            {
                event1 = arguments;
                told.Release();
            },
        };
        session.Start();
        await told.WaitAsync();
        Assert.Multiple(() =>
        {
            Assert.That(event1!.Report.Scan.Number, Is.EqualTo(2), "the first look of a check tells nothing");
            Assert.That(event1.Report.Totals.Definite.Blocks, Is.EqualTo(1));
            Assert.That(event1.Report.Totals.Unconfirmed.Blocks, Is.Zero);
            Assert.That(scan.Seen.All(static parameters => parameters.WantsChecksums), Is.True);
        });

        LeakReport atExit = session.MakeExitReport(ReportReason.Exit, TimeSpan.FromMinutes(1));
        Assert.That((atExit.Scan.Number, atExit.Totals.Definite.Blocks), Is.EqualTo((3, 1L)), "no check in between");
        Assert.That(scan.Seen[^1].WantsChecksums, Is.False);
    }

    [Test]
    public async Task ABlockOfChangingContentIsToldOnRequestAndNeverByASchedule()
    {
        int number = 0;
        FakeScan scan = new(() =>
        {
            LostBlock block = Lost.Block(1, Verdict.Definite, 8);
            block.Checksum = (ulong)++number;
            return FakeOutcome.Numbered(number, block);
        });
        OptionSet set = Options("first_scan=1ms,scan_interval=1ms,log_path=" + _folder + "/r");
        using DetectorSession session = new(
            new LeakDetectorOptions(set), new FakeFacts(), () => scan, TimeSpan.FromMinutes(1))
        {
            LeaksFound = static _ => Assert.Fail("told"),
        };
        session.Start();
        while (scan.Seen.Count < 6)
        {
            await Task.Yield();
        }

        LeakReport report = await session.ScanAsync(CancellationToken.None);
        Assert.That(report.Totals.Definite.Blocks, Is.EqualTo(1));
        Assert.That(File.Exists(_folder + "/r"), Is.False);
    }

    private static async Task<LeakReport> WaitFor(DetectorSession session, Predicate<LeakReport> isThere)
    {
        while (true)
        {
            LeakReport report = await session.ScanAsync(CancellationToken.None);
            if (isThere(report))
            {
                return report;
            }
        }
    }

    // Nothing scheduled, and no listening to the ends of the test's own process.
    private static DetectorSession Start(FakeScan? scan, Func<ILeakScan>? create = null)
    {
        DetectorSession session = new(
            new LeakDetectorOptions(Options("first_scan=off")),
            new FakeFacts(),
            create ?? (() => scan!),
            TimeSpan.FromMinutes(1));
        session.Start();
        return session;
    }

    private static OptionSet Options(string line)
    {
        Scanner.Tests.Options.FakeOptionSource source = new();
        source.Variables["NATIVELEAK_OPTIONS"] = line + ",report_at=none";
        OptionSet set = source.Read();
        Assert.That(set.Warnings, Is.Empty);
        return set;
    }
}
