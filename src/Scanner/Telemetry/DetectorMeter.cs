// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the detector's numbers for OpenTelemetry, dotnet-counters and everybody else who reads meters.
// Who calls it: DetectorSession makes it once the program is up and tells it of each scan; readers call back on threads of theirs.
// The one idea: nothing is counted for it. Readers get the sums that are kept anyway and the totals of the last conclusive scan; without a
// reader it costs its existence. Attributes are bounded: no call site, for each value is a time series.
using System.Diagnostics.Metrics;
using NativeLeak.Reporting;

namespace NativeLeak.Telemetry;

/// <summary>The meter <c>NativeLeak</c>. Thread-safe; never throws into a reader.</summary>
internal sealed class DetectorMeter : IDisposable
{
    /// <summary>The name under which readers ask for it.</summary>
    public const string Name = "NativeLeak";

    private readonly IReportFacts _facts;
    private readonly Meter _meter;
    private readonly Histogram<double> _duration, _pause;
    private LeakReport? _last;
    private long _misuses;

    /// <summary>Publishes the instruments.</summary>
    public DetectorMeter(IReportFacts facts)
    {
        _facts = facts;
        _meter = new Meter(Name, JsonReportWriter.ToolVersion);
        _meter.CreateObservableUpDownCounter("nativeleak.memory.live", () => Read(Live, static total => total.Bytes), "By", "Bytes of recorded blocks that are live.");
        _meter.CreateObservableUpDownCounter("nativeleak.allocation.live", () => Read(Live, static total => total.Blocks), "{allocation}", "Recorded blocks that are live.");
        _meter.CreateObservableCounter("nativeleak.memory.allocated", () => Read(Allocated), "By", "Bytes of all blocks that were recorded.");
        _meter.CreateObservableUpDownCounter("nativeleak.leak.memory", () => Read(() => Leaks(static total => total.Bytes)), "By", "Bytes that the last scan found lost.");
        _meter.CreateObservableUpDownCounter("nativeleak.leak.count", () => Read(() => Leaks(static total => total.Blocks)), "{allocation}", "Blocks that the last scan found lost.");
        _meter.CreateObservableCounter("nativeleak.misuse.count", () => Read(Misuse), "{event}", "Wrong frees and writes to freed blocks that reports told.");
        _meter.CreateObservableUpDownCounter("nativeleak.tracker.memory", () => Read(Memory), "By", "Memory that the detector takes for its records.");
        _duration = _meter.CreateHistogram<double>("nativeleak.scan.duration", "s", "How long a scan took, names of methods not included.");
        _pause = _meter.CreateHistogram<double>("nativeleak.scan.pause", "s", "How long a scan held the threads of the program.");
    }

    /// <summary>Takes a report into account. On the scanner thread.</summary>
    public void OnScan(LeakReport report)
    {
        // Order: release; pairs with the reads of readers' threads.
        Volatile.Write(ref _misuses, report.Misuse.Sum(static misuse => misuse.Count));
        if (report.Coverage.Mode is "none" or CountReport.Mode)
        {
            return;
        }

        KeyValuePair<string, object?> trigger = new("nativeleak.scan.trigger", report.Process.Reason.ToString().ToLowerInvariant());
        _duration.Record(report.Scan.Duration.TotalSeconds, trigger);
        _pause.Record(report.Scan.PauseTime.TotalSeconds, trigger);
        // What a check finds is a part only, and gaps prove nothing.
        if (report.IsConclusive && report.Check is null)
        {
            // Order: release; pairs with the reads of readers' threads.
            Volatile.Write(ref _last, report with { Leaks = [], Misuse = [] });
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    // A reader's thread: what fails here is a measurement that is missing.
    private static IEnumerable<Measurement<long>> Read(Func<IEnumerable<Measurement<long>>> measure)
    {
        try
        {
            return [.. measure()];
        }
        catch (Exception)
        {
            return [];
        }
    }

    private static IEnumerable<Measurement<long>> Read(Func<BlockTotal?> total, Func<BlockTotal, long> choose)
        => Read(() => total() is { } known ? [new Measurement<long>(choose(known))] : []);

    // Of samples only a scan can say what all blocks are.
    private BlockTotal? Live()
    {
        ReportedTracker tracker = _facts.Tracker;
        if (tracker.SampleIntervalBytes == 0)
        {
            return new BlockTotal(tracker.RecordedBlocks - tracker.FreedBlocks, _facts.LiveBytes);
        }

        // Order: acquire; pairs with the write in OnScan.
        return Volatile.Read(ref _last)?.Estimates?.Live is { } live ? new BlockTotal((long)live.Blocks, (long)live.Bytes) : null;
    }

    private IEnumerable<Measurement<long>> Allocated()
        => _facts.Tracker.SampleIntervalBytes == 0 ? [new Measurement<long>(_facts.AllocatedBytes)] : [];

    private IEnumerable<Measurement<long>> Memory() => [new Measurement<long>(_facts.Tracker.MemoryBytes)];

    // Order: acquire; pairs with the write in OnScan.
    private IEnumerable<Measurement<long>> Misuse() => [new Measurement<long>(Volatile.Read(ref _misuses))];

    private IEnumerable<Measurement<long>> Leaks(Func<BlockTotal, long> choose)
    {
        // Order: acquire; pairs with the write in OnScan.
        if (Volatile.Read(ref _last) is not { } report)
        {
            return [];
        }

        ReportTotals totals = report.Totals;
        return
        [
            Of("definite", totals.Definite, report.Estimates?.Definite), Of("indirect", totals.Indirect, report.Estimates?.Indirect),
            Of("possible", totals.Possible, report.Estimates?.Possible),
        ];

        Measurement<long> Of(string kind, BlockTotal counted, BlockEstimate? estimate) => new(
            choose(estimate is { } all ? new BlockTotal((long)all.Blocks, (long)all.Bytes) : counted),
            new KeyValuePair<string, object?>("nativeleak.leak.kind", kind));
    }
}
