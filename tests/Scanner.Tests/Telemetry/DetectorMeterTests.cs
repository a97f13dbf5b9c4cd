// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics.Metrics;
using NativeLeak.ExitApps;
using NativeLeak.Reporting;
using NativeLeak.Scanner.Tests.Reporting;
using NativeLeak.Telemetry;

namespace NativeLeak.Scanner.Tests.Telemetry;

/// <summary>What readers of the meter get, each number with its unit and attributes.</summary>
[TestFixture]
internal sealed class DetectorMeterTests
{
    private static readonly FakeFacts s_facts = new()
    {
        Tracker = new ReportedTracker { RecordedBlocks = 110, FreedBlocks = 100, MemoryBytes = 65_536 }, LiveBytes = 5000, AllocatedBytes = 70_000,
    };

    [Test]
    public void BeforeTheFirstScanThereAreSumsOnly()
    {
        using DetectorMeter meter = new(s_facts);
        Assert.That(Read(), Is.EquivalentTo(new[]
        {
            "nativeleak.memory.live By 5000", "nativeleak.allocation.live {allocation} 10", "nativeleak.memory.allocated By 70000",
            "nativeleak.misuse.count {event} 0", "nativeleak.tracker.memory By 65536",
        }));
    }

    [Test]
    public void AScanTellsLeaksAndTimes()
    {
        using DetectorMeter meter = new(s_facts);
        string[] all = Read(() => meter.OnScan(SampleReports.Leaky));
        Assert.That(all, Is.SupersetOf(new[]
        {
            "nativeleak.leak.memory By 4096 nativeleak.leak.kind=definite", "nativeleak.leak.memory By 64 nativeleak.leak.kind=indirect",
            "nativeleak.leak.memory By 40 nativeleak.leak.kind=possible", "nativeleak.leak.count {allocation} 1 nativeleak.leak.kind=definite",
            "nativeleak.scan.duration s 0.0425 nativeleak.scan.trigger=exit", "nativeleak.scan.pause s 0.00625 nativeleak.scan.trigger=exit",
        }));
    }

    [Test]
    public void AScanWithGapsOrOfAPartLeavesTheLeaksAsTheyWere()
    {
        using DetectorMeter meter = new(s_facts);
        meter.OnScan(SampleReports.Leaky);
        meter.OnScan(SampleReports.Leaky with { IsConclusive = false, Totals = new() });
        meter.OnScan(SampleReports.Leaky with { Check = "a check", Totals = new() });
        Assert.That(Read(), Has.Some.EqualTo("nativeleak.leak.count {allocation} 1 nativeleak.leak.kind=definite"));
        meter.OnScan(SampleReports.Leaky with { Totals = new() });
        Assert.That(Read(), Has.Some.EqualTo("nativeleak.leak.count {allocation} 0 nativeleak.leak.kind=definite"));
    }

    [Test]
    public void OfSamplesTheEstimatesAreTold()
    {
        FakeFacts facts = new() { Tracker = new ReportedTracker { SampleIntervalBytes = 512, RecordedBlocks = 3 }, LiveBytes = 30, AllocatedBytes = 30 };
        using DetectorMeter meter = new(facts);
        Assert.That(Read(), Has.None.Contains(".live").And.None.Contains("allocated"));
        meter.OnScan(SampleReports.Leaky with
        {
            Estimates = new ReportEstimates { Live = new(100, 1, 2000, 1), Definite = new(50, 1, 1000, 1) },
        });
        Assert.That(Read(), Has.Some.EqualTo("nativeleak.memory.live By 2000").And.Some.EqualTo("nativeleak.leak.count {allocation} 50 nativeleak.leak.kind=definite"));
    }

    [Test]
    public void WhoReadsWhenNothingCanBeToldGetsNothing()
    {
        using DetectorMeter meter = new(new ThrowingFacts());
        Assert.That(Read(), Is.EqualTo(new[] { "nativeleak.misuse.count {event} 0" }));
    }

    [Test]
    public void AfterwardsNobodyIsTold()
    {
        new DetectorMeter(s_facts).Dispose();
        Assert.That(Read(), Is.Empty);
    }

    private static string[] Read(Action? meanwhile = null)
    {
        List<string> all = [];
        using MeterListener listener = new()
        {
            InstrumentPublished = static (instrument, self) =>
            {
                if (instrument.Meter.Name == DetectorMeter.Name)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => all.Add(Text(instrument, value, tags)));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => all.Add(Text(instrument, value, tags)));
        listener.Start();
        meanwhile?.Invoke();
        listener.RecordObservableInstruments();
        return [.. all];
    }

    private static string Text(Instrument instrument, object value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string text = FormattableString.Invariant($"{instrument.Name} {instrument.Unit} {value}");
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            text += $" {tag.Key}={tag.Value}";
        }

        return text;
    }

    private sealed class ThrowingFacts : IReportFacts
    {
        public string Tier => throw new InvalidOperationException();

        public IReadOnlyList<string> Unseen => throw new InvalidOperationException();

        public IReadOnlyList<string> Warnings => throw new InvalidOperationException();

        public ReportedTracker Tracker => throw new InvalidOperationException();

        public IReadOnlyList<SiteCount> CountSites() => throw new InvalidOperationException();

        public IReadOnlyList<CallFrame> GetFrames(uint site) => throw new InvalidOperationException();

        public string DescribeThread(ushort number) => throw new InvalidOperationException();

        public DateTimeOffset TimeOf(uint birthTick) => throw new InvalidOperationException();
    }
}
