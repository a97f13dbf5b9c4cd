// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Scanner.Tests.Reporting;

/// <summary>Reports with fixed values, for writers.</summary>
internal static class SampleReports
{
    private const string Core = "System.Private.CoreLib";

    private static readonly DateTimeOffset s_time = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static LeakReport Leaky => new()
    {
        Process = new ReportedProcess(
            4711, "ingest", ".NET 10.0.1", "Linux X64", s_time, s_time.AddSeconds(12), ReportReason.Exit),
        IsConclusive = true,
        Coverage = new ReportCoverage
        {
            Tier = "runtime hook (exports)",
            Unseen = ["memory that native libraries allocate themselves"],
            Mode = "snapshot",
            ManagedHeap = "trace",
            ThreadsFound = 12,
            ThreadsParked = 12,
            RootBytes = 1000,
            BlockBytes = 200,
            Warnings = ["no lines for frames of Plugin"],
        },
        Scan = new ReportedScan(1, TimeSpan.FromMilliseconds(6.25), TimeSpan.FromMilliseconds(42.5)),
        Tracker = new ReportedTracker { RecordedBlocks = 110, FreedBlocks = 100, UnknownFrees = 2, MemoryBytes = 65_536 },
        Totals = new ReportTotals
        {
            Live = new BlockTotal(10, 5000),
            Reachable = new BlockTotal(6, 800),
            Definite = new BlockTotal(1, 4096),
            Indirect = new BlockTotal(2, 64),
            Possible = new BlockTotal(1, 40),
        },
        Heuristics = [new HeuristicTotal(InteriorHeuristics.Length64, new BlockTotal(2, 80))],
        Leaks =
        [
            new LeakGroup
            {
                Fingerprint = "0123456789abcdef",
                Kind = LeakKind.Definite,
                Total = new BlockTotal(1, 4096),
                Indirect = new BlockTotal(2, 64),
                Allocator = "Marshal.AllocHGlobal",
                FirstAge = TimeSpan.FromSeconds(12.5),
                LastAge = TimeSpan.FromSeconds(12.5),
                Threads = ["thread 3 \"worker\""],
                Stack =
                [
                    new LeakFrame(
                        "System.Runtime.InteropServices.Marshal.AllocHGlobal(nint)", Core, null, 0, false, true),
                    new LeakFrame("System.Text.Helper.Make<T>()", Core, null, 0, false, true),
                    new LeakFrame("Ingest.Parser.Read(Stream)", "ingest", "/src/Parser.cs", 41, false, false),
                    new LeakFrame("Ingest.Program.Main(string[])", "ingest", null, 0, false, false),
                ],
                Samples = [new LeakSample(0x7F00, 4096, 17, "48690a")],
                Evidence = "no pointer to it was found",
                LastHolder = new LastHolder(new LeakHolder("object", "Ingest.Parser._row"), 3, 4, 1),
            },
            new LeakGroup
            {
                Fingerprint = "fedcba9876543210",
                Kind = LeakKind.Possible,
                Total = new BlockTotal(3, 40),
                Indirect = default,
                Allocator = "NativeMemory.Alloc",
                FirstAge = TimeSpan.FromSeconds(3),
                LastAge = TimeSpan.FromSeconds(1),
                Threads = [],
                Stack = [],
                Samples = [],
                Evidence = "only one to its inside",
            },
        ],
    };

    public static LeakReport Clean => Leaky with
    {
        Leaks = [],
        Totals = new ReportTotals { Live = new BlockTotal(3, 30), Reachable = new BlockTotal(3, 30) },
        Coverage = Leaky.Coverage with { Warnings = [], Unseen = [] },
    };

    public static LeakReport Inconclusive => Clean with
    {
        IsConclusive = false,
        Coverage = Clean.Coverage with { Warnings = ["no scan: the system refused"], Mode = "none" },
    };
}
