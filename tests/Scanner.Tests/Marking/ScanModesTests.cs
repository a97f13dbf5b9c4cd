// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.ExitApps;
using NativeLeak.Interop;
using NativeLeak.Marking;
using NativeLeak.Reporting;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Which way a scan goes, and what the report says of it.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class ScanModesTests
{
    private const int EPERM = 1, EAGAIN = 11, ENOMEM = 12;

    [Test]
    public void Auto_takes_a_snapshot_where_it_can()
    {
        RefusingEngine engine = new(SnapshotStatus.Completed, 0);
        using ScanOutcome outcome = Scan(engine, Platform.Threads, ScanMode.Auto);
        Assert.That((outcome.Manner.Mode, outcome.Manner.Reason, engine.Taken), Is.EqualTo((ScanMode.Snapshot, (string?)null, 1)));
    }

    [TestCase(EPERM)]
    [TestCase(EAGAIN)]
    [TestCase(ENOMEM)]
    public void Auto_reads_the_running_process_where_the_copy_is_refused_and_says_why(int errorNumber)
    {
        RefusingEngine engine = new(SnapshotStatus.CloneRefused, errorNumber);
        using ScanOutcome outcome = Scan(engine, Platform.Threads, ScanMode.Auto);
        LeakReport report = Report(outcome);
        Assert.Multiple(() =>
        {
            Assert.That(engine.Taken, Is.EqualTo(1));
            Assert.That(report.Coverage.Mode, Is.EqualTo("concurrent"));
            Assert.That(report.Coverage.Warnings, Has.One.Contains("auto").And.One.Contains($"error {errorNumber}"));
            Assert.That(report.Coverage.RootBytes, Is.GreaterThan(1 << 20), "it really read");
        });
    }

    [Test]
    public void A_forced_snapshot_that_is_refused_is_inconclusive_with_the_reason()
    {
        RefusingEngine engine = new(SnapshotStatus.CloneRefused, EPERM);
        using ScanOutcome outcome = Scan(engine, Platform.Threads, ScanMode.Snapshot);
        LeakReport report = Report(outcome);
        Assert.Multiple(() =>
        {
            Assert.That((report.IsConclusive, report.Coverage.Mode), Is.EqualTo((false, "none")));
            Assert.That(report.Coverage.Warnings, Has.One.Contains("refused a copy"));
        });
    }

    [Test]
    public void The_concurrent_mode_asks_for_no_copy()
    {
        RefusingEngine engine = new(SnapshotStatus.Completed, 0);
        using ScanOutcome outcome = Scan(engine, Platform.Threads, ScanMode.Concurrent);
        Assert.That((engine.Taken, Report(outcome).Coverage.Mode), Is.EqualTo((0, "concurrent")));
    }

    [Test]
    public void Where_threads_cannot_be_held_the_concurrent_mode_is_inconclusive_with_the_reason()
    {
        RefusingEngine engine = new(SnapshotStatus.ParkingUnavailable, 0);
        using ScanOutcome outcome = Scan(engine, engine, ScanMode.Concurrent);
        LeakReport report = Report(outcome);
        Assert.Multiple(() =>
        {
            Assert.That((report.IsConclusive, report.Coverage.Mode, report.Leaks.Count), Is.EqualTo((false, "none", 0)));
            Assert.That(report.Coverage.Warnings, Has.One.Contains("threads cannot be stopped"));
        });
    }

    private static LeakReport Report(ScanOutcome outcome) => new ReportBuilder(new FakeFacts()).Build(
        outcome, new ReportRequest(ReportReason.Api, new(TimeSpan.Zero, ManagedHeapMode.Trace, false, 1000), 10, 1, []));

    private static ScanOutcome Scan(ISnapshotEngine engine, IThreadHolder threads, ScanMode mode)
    {
        ScanOutcome? outcome = null;
        Thread scanner = new(() => outcome = new ScanModes(engine, threads).Run(
            new(TimeSpan.Zero, ManagedHeapMode.Trace, false, 1000) { Mode = mode }));
        scanner.Start();
        scanner.Join();
        return outcome!;
    }

    private sealed class RefusingEngine(SnapshotStatus status, int errorNumber) : ISnapshotEngine, IThreadHolder
    {
        public int Taken { get; private set; }

        public SnapshotResult Take(in SnapshotRequest request)
        {
            Taken++;
            return Result;
        }

        public SnapshotResult Hold(in HoldRequest request) => Result;

        private SnapshotResult Result => new(status, errorNumber, 0, 1, 2, 2, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero, null);
    }
}
