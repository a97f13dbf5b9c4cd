// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.ExitApps;
using NativeLeak.Options;
using NativeLeak.Scheduling;

namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>Who makes a scan of the running process end early: it asks every few milliseconds.</summary>
[TestFixture]
internal sealed class GivenUpScanTests
{
    [Test]
    public void StopEndsTheScanThatRuns()
    {
        using LongScan scan = new(rounds: 1);
        using DetectorSession session = Start(scan);
        Task<LeakReport> report = session.ScanAsync(CancellationToken.None);
        scan.Began.Wait();
        Assert.That(scan.IsAborted, Is.False, "nobody asked yet");
        session.Dispose();
        report.Wait();
        Assert.That(scan.IsAborted, Is.True);
    }

    [Test]
    public void ACancelledRequestEndsItsScan()
    {
        using LongScan scan = new(rounds: 1);
        using DetectorSession session = Start(scan);
        using CancellationTokenSource cancellation = new();
        Task<LeakReport> report = session.ScanAsync(cancellation.Token);
        scan.Began.Wait(CancellationToken.None);
        cancellation.Cancel();
        Assert.That(async () => await report, Throws.InstanceOf<OperationCanceledException>());
        scan.Ended.Wait(CancellationToken.None);
        Assert.That(scan.IsAborted, Is.True);
    }

    [Test]
    public void AnExitDoesNotWaitForAnotherScanAndItsOwnIsNotGivenUp()
    {
        using LongScan scan = new(rounds: 1);
        using DetectorSession session = Start(scan);
        Task<LeakReport> report = session.ScanAsync(CancellationToken.None);
        scan.Began.Wait();
        LeakReport atExit = session.MakeExitReport(ReportReason.Exit, TimeSpan.FromMinutes(1));
        Assert.Multiple(() =>
        {
            Assert.That(report.IsCompleted, Is.True);
            Assert.That(scan.WasLastGivenUp, Is.False);
            Assert.That(atExit.Scan.Number, Is.EqualTo(2));
        });
    }

    private static DetectorSession Start(ILeakScan scan)
    {
        Scanner.Tests.Options.FakeOptionSource source = new();
        source.Variables["NATIVELEAK_OPTIONS"] = "first_scan=off,report_at=none";
        OptionSet set = source.Read();
        DetectorSession session = new(new LeakDetectorOptions(set), new FakeFacts(), () => scan, TimeSpan.FromMinutes(1));
        session.Start();
        return session;
    }
}
