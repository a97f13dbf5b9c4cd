// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how long a leak takes to be told, for each setting of docs/design/lifecycle.md, on a clock of the test's own.
// The one idea: the schedule, the history of suspects and the builder of reports are the product's; only time and what a
// scan sees are made up. So each bound is exact, on any machine.
using NativeLeak.ExitApps;
using NativeLeak.Interop;
using NativeLeak.Options;
using NativeLeak.Reporting;
using NativeLeak.Scanner.Tests.Options;
using NativeLeak.Scanner.Tests.Reporting;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>The latest moment at which a leak is told, wherever in an interval it was lost.</summary>
[TestFixture]
internal sealed class LatencyTests
{
    private const int Age = 5_000, Interval = 600_000, Confirmation = 250, Step = 5_000;

    private string _folder = string.Empty;

    [OneTimeSetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-").FullName;

    [OneTimeTearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    // The table of docs/design/lifecycle.md, in milliseconds.
    [TestCase(0, Age + Interval)]
    [TestCase(1, Age + Interval + Confirmation)]
    [TestCase(2, Age + (2 * Interval) + Confirmation)]
    [TestCase(3, Age + (3 * Interval) + Confirmation)]
    [TestCase(7, Age + (7 * Interval) + Confirmation)]
    public void ALeakIsToldByTheTimeThatTheTableNamesAndNotMuchEarlierAtWorst(int minimumUnreferencedScans, int bound)
        => AssertWorst(new Life(), minimumUnreferencedScans, Age, bound);

    [TestCase(0)]
    [TestCase(1_000)]
    [TestCase(120_000)]
    public void TheMinimumAgeIsAddedOnce(int age) => AssertWorst(new Life(), 1, age, age + Interval + Confirmation);

    [TestCase(0)]
    [TestCase(1)]
    public void ABlockOnItsWayTakesOneScanMore(int minimumUnreferencedScans) => AssertWorst(
        new Life { ScansOnItsWay = 1 }, minimumUnreferencedScans, Age,
        Age + (2 * Interval) + (minimumUnreferencedScans == 0 ? 0 : Confirmation));

    [TestCase(1)]
    [TestCase(3)]
    public void EachScanThatIsInterruptedTakesOneIntervalMore(int interruptions) => AssertWorst(
        new Life { InterruptedScans = interruptions }, 1, Age, Age + ((1 + interruptions) * Interval) + Confirmation);

    // The last change comes right after the scan that was the last to see it: one more look has to find it unchanged. Looks
    // come twice a check while there is news.
    [Test]
    public void ABlockThatIsWrittenToTakesUntilThatEnds() => AssertWorst(
        new Life { WrittenFor = 10 * Interval }, 1, Age, (11 * Interval) + Confirmation);

    [TestCase(60_000)]
    [TestCase(1_000)]
    public void TheFirstCheckComesWhenItWasAskedFor(int firstScan)
    {
        // Lost before the first scan, and old enough by then.
        int told = Told(new Life(), 1, Age, firstScan, lostAt: 0);
        Assert.That(told, Is.EqualTo(firstScan < Age ? firstScan + Interval + Confirmation : firstScan + Confirmation));
    }

    [TestCase("first_scan=off")]
    [TestCase("first_scan=60s,scan_interval=off")]
    public void WithoutScansNobodyTells(string options)
        => Assert.That(Told(new Life(), 1, Age, 60_000, lostAt: 100_000, options), Is.EqualTo(-1));

    // At worst exactly as late as said: a bound that is never reached would say nothing.
    private void AssertWorst(Life life, int minimumUnreferencedScans, int age, int bound)
    {
        int worst = 0;
        for (int lostAt = Interval; lostAt <= 2 * Interval; lostAt += Step)
        {
            // And a moment later: right behind a scan the whole interval is still to come.
            foreach (int at in (int[])[lostAt, lostAt + 1])
            {
                int told = Told(life, minimumUnreferencedScans, age, Interval, at);
                Assert.That(told, Is.GreaterThanOrEqualTo(at), "never before it is lost");
                worst = Math.Max(worst, told - at);
            }
        }

        Assert.That(worst, Is.LessThanOrEqualTo(bound).And.GreaterThan(bound - (2 * Step)));
    }

    // The millisecond at which a block allocated and lost at lostAt is told; −1: never.
    private int Told(
        Life life, int minimumUnreferencedScans, int age, int firstScan, int lostAt, string options = "")
    {
        FakeOptionSource source = new();
        source.Variables["NATIVELEAK_OPTIONS"] = $"min_unref_scans={minimumUnreferencedScans},min_age={age}ms,"
            + $"first_scan={firstScan}ms,scan_interval={Interval}ms,report_at=none,log_path={_folder}/r"
            + (options.Length > 0 ? "," + options : "");
        ManualClock clock = new();
        bool isTold = false;
        FakeFacts facts = new();
        using DetectorSession session = new(
            new LeakDetectorOptions(source.Read()), facts, static () => throw new NotSupportedException(), TimeSpan.FromMinutes(1))
        {
            LeaksFound = static _ => { },
            HasListeners = () =>
            {
                isTold = true;
                return false;
            },
        };
        ScanSchedule schedule = new(session, clock);
        schedule.Begin();
        for (int scans = 0; schedule.DueIn() is { } due && scans < 100; scans++)
        {
            clock.Advance(due);
            Assert.That(schedule.TryCreateRequest(out ReportRequest request), Is.True);
            using FakeOutcome outcome = life.Look(clock.Milliseconds, lostAt, (int)request.Parameters.MinimumAge.TotalMilliseconds);
            if (outcome.IsConclusive)
            {
                request.Suspects?.Observe(outcome.Lost);
            }

            schedule.OnReport(new ReportBuilder(facts).Build(outcome, request));
            if (isTold)
            {
                return clock.Milliseconds;
            }
        }

        return -1;
    }

    /// <summary>What scans see of one block.</summary>
    private sealed record Life
    {
        public int ScansOnItsWay { get; init; }

        public int InterruptedScans { get; init; }

        public int WrittenFor { get; init; }

        private int _looks;
        private int _lostAt;

        public FakeOutcome Look(int now, int lostAt, int age)
        {
            // A life is looked at from its beginning for each moment of loss.
            _looks = _lostAt == lostAt ? _looks : 0;
            _lostAt = lostAt;
            if (now < lostAt)
            {
                return FakeOutcome.Of();
            }

            bool isYoung = now - lostAt < age;
            _looks += isYoung ? 0 : 1;
            if (!isYoung && _looks <= InterruptedScans)
            {
                return FakeOutcome.Of(SnapshotStatus.Completed, ScanWarning.ThreadsNotParked);
            }

            LostBlock block = Lost.Block(1, isYoung || _looks <= ScansOnItsWay ? Verdict.Young : Verdict.Definite, 8);
            block.Checksum = (ulong)Math.Min(now - lostAt, WrittenFor);
            return FakeOutcome.Of(block);
        }
    }
}
