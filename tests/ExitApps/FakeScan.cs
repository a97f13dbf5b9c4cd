// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Reporting;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.ExitApps;

/// <summary>An outcome made of fabricated blocks; its totals are counted from them.</summary>
internal sealed class FakeOutcome(LostBlock[] lost) : ScanOutcome
{
    public bool IsDisposed { get; private set; }

    public override ReadOnlySpan<LostBlock> Lost => lost;

    public static FakeOutcome Of(params LostBlock[] lost) => Of(SnapshotStatus.Completed, ScanWarning.None, lost);

    public static FakeOutcome Numbered(int number, params LostBlock[] lost)
        => Of(SnapshotStatus.Completed, ScanWarning.None, number, lost);

    public static FakeOutcome Of(SnapshotStatus status, ScanWarning warnings, params LostBlock[] lost)
        => Of(status, warnings, 1, lost);

    private static FakeOutcome Of(SnapshotStatus status, ScanWarning warnings, int number, LostBlock[] lost)
    {
        ScanCounters counters = new()
        {
            RootBytes = 1000, BlockBytes = 200, Warnings = (long)warnings, LostCount = lost.Length,
        };
        foreach (LostBlock block in lost)
        {
            Add(ref counters.Live, block);
            switch (block.Verdict)
            {
                case Verdict.Definite: Add(ref counters.Definite, block); break;
                case Verdict.Indirect: Add(ref counters.Indirect, block); break;
                case Verdict.Possible: Add(ref counters.Possible, block); break;
                default: Add(ref counters.Young, block); break;
            }
        }

        return new FakeOutcome(lost)
        {
            Number = number,
            StartedAt = FakeFacts.Epoch.AddSeconds(100),
            Duration = TimeSpan.FromMilliseconds(42.5),
            Snapshot = new SnapshotResult(status, status == SnapshotStatus.CloneRefused ? 1 : 0, 3, 2, 5, 5,
                TimeSpan.FromMilliseconds(6.25), default, default, default, null),
            Counters = counters,
            ManagedHeap = ManagedHeapMode.Trace,
        };
    }

    public override void Dispose() => IsDisposed = true;

    private static void Add(ref KindTotal total, in LostBlock block)
    {
        total.Blocks++;
        total.Bytes += (long)block.BlockByteCount;
    }
}

/// <summary>A scan that takes as long as it is told and finds what it is told.</summary>
internal sealed class FakeScan(Func<ScanOutcome> run) : ILeakScan
{
    public List<ScanParameters> Seen { get; } = [];

    public ScanOutcome Run(in ScanParameters parameters)
    {
        Seen.Add(parameters);
        return run();
    }
}

/// <summary>Facts about fabricated sites.</summary>
internal sealed class FakeFacts : IReportFacts
{
    public static readonly DateTimeOffset Epoch = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public Dictionary<uint, CallFrame[]> Sites { get; } = [];

    public string Tier { get; init; } = "fabricated";

    public IReadOnlyList<string> Unseen { get; init; } = [];

    public IReadOnlyList<string> Warnings { get; init; } = [];

    public ReportedTracker Tracker { get; init; } = new();

    public long LiveBytes { get; init; }

    public long AllocatedBytes { get; init; }

    public IReadOnlyList<SiteCount> Counts { get; init; } = [];

    public IReadOnlyList<SiteCount> CountSites() => Counts;

    public IReadOnlyList<CallFrame> GetFrames(uint site)
        => Sites.TryGetValue(site, out CallFrame[]? frames) ? frames : [];

    public string DescribeThread(ushort number) => "thread " + number;

    public DateTimeOffset TimeOf(uint birthTick) => Epoch.AddSeconds(birthTick);
}
