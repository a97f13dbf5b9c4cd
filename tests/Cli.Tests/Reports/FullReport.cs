// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Cli.Tests.Reports;

/// <summary>A report in which every property has a value of its own.</summary>
internal static class FullReport
{
    private static readonly DateTimeOffset s_moment = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static LeakReport Make() => new()
    {
        Process = new ReportedProcess(41, "app", ".NET 10", "Linux", s_moment, s_moment.AddSeconds(9), ReportReason.Signal),
        IsConclusive = true,
        Check = "a check",
        Coverage = new ReportCoverage
        {
            Tier = "a tier", Unseen = ["this", "that"], Mode = "concurrent", Looks = 3, IsAtRest = false, ManagedHeap = "precise",
            ManagedHeapReason = "a reason", ThreadsFound = 5, ThreadsParked = 4, RootBytes = 1001, BlockBytes = 1002, UnreadableBytes = 1003,
            Warnings = ["careful"],
        },
        Scan = new ReportedScan(7, TimeSpan.FromMilliseconds(8.125), TimeSpan.FromMilliseconds(9.5)),
        Tracker = new ReportedTracker
        {
            Level = DetectorLevel.Sample, SampleIntervalBytes = 2001, MemoryBytes = 2002, MemoryLimitBytes = 2003, RecordedBlocks = 2004,
            FreedBlocks = 2005, UnknownFrees = 2006, MissedBlocks = 2007, EndedAt = s_moment.AddSeconds(3),
        },
        Totals = new ReportTotals
        {
            Live = new(1, 11), Reachable = new(2, 12), WeaklyHeld = new(3, 13), Definite = new(4, 14), Indirect = new(5, 15), Possible = new(6, 16),
            Young = new(7, 17), Unconfirmed = new(8, 18), Ignored = new(9, 19), Suppressed = new(10, 20),
        },
        Estimates = new ReportEstimates
        {
            Live = new(1.5, 2.5, 3.5, 4.5), Reachable = new(5.5, 6.5, 7.5, 8.5), Definite = new(1.1, 1.2, 1.3, 1.4), Indirect = new(2.1, 2.2, 2.3, 2.4),
            Possible = new(3.1, 3.2, 3.3, 3.4), Young = new(4.1, 4.2, 4.3, 4.4),
        },
        Heuristics = [new HeuristicTotal(InteriorHeuristics.Length64, new(3, 33)), new HeuristicTotal(InteriorHeuristics.MultipleInheritance, new(4, 44))],
        Leaks =
        [
            new LeakGroup
            {
                Fingerprint = "0123456789abcdef", Kind = LeakKind.Possible, Total = new(21, 22), Indirect = new(23, 24), Allocator = "Marshal.AllocHGlobal",
                Tag = "a tag", FirstAge = TimeSpan.FromSeconds(31.5), LastAge = TimeSpan.FromSeconds(3.25), Threads = ["T1", "T2"],
                Stack = [Frame("System.Text.Encoding.GetBytes()", "System.Private.CoreLib", true), Frame("App.Main(string[])", "app", false)],
                Samples = [new LeakSample(0x7f12_3456, 22, 99, "00ff7e"), new LeakSample(0x10, 0, 1, "")],
                Evidence = "nothing points to it", HeldBy = new LeakHolder("object", "App.Field"),
                LastHolder = new LastHolder(new LeakHolder("stack", "thread 2"), 4, 5, 20),
                Estimate = new BlockEstimate(1.5, 0.5, 300.5, 100.5),
                Baseline = new BaselineMatch(BaselineState.Grown, new(23, 24)),
            },
            new LeakGroup
            {
                Fingerprint = "fedcba9876543210", Kind = LeakKind.Indirect, Total = new(1, 2), Indirect = default, Allocator = "NativeMemory.Alloc",
                FirstAge = TimeSpan.FromSeconds(1), LastAge = TimeSpan.FromSeconds(1), Threads = ["T3"],
                Stack = [new LeakFrame("0x1234", null, null, 0, true, false)], Samples = [new LeakSample(0x20, 2, 3, "41")], Evidence = "hangs from another",
            },
        ],
        StillAllocated =
        [
            new AllocatedGroup
            {
                Fingerprint = "1111222233334444", Allocator = "Marshal.StringToBSTR", Total = new(51, 52), Stack = [Frame("App.Run()", "app", false)],
            },
        ],
        Suppressions = [new SuppressionTotal("libold", "a.supp:1", new(53, 54))],
        Baseline = new BaselineSummary(
            "accepted.json", new(71, 72, new(73, 74)), new(75, 76, new(77, 78)), new(81, 82, new(83, 84)), new(85, 0, new(86, 87))),
        Misuse =
        [
            .. Enum.GetValues<MisuseKind>().Select(static kind => new MisuseGroup
            {
                Kind = kind, Count = 61, Address = 0x7f00_1000, Allocator = "NativeMemory.Alloc", FreedWith = "Marshal.FreeHGlobal",
                Explanation = "it was freed before", Stack = [Frame("App.Free()", "app", false)],
                AllocationStack = [Frame("App.Make()", "app", false)], FirstFreeStack = [Frame("App.FreeFirst()", "app", false)],
            }),
        ],
    };

    private static LeakFrame Frame(string method, string assembly, bool isFramework)
        => new(method, assembly, isFramework ? null : "src/App.cs", isFramework ? 0 : 71, false, isFramework);
}
