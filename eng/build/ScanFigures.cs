// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what the project promises of scans: one check beside LeakSanitizer and Boehm's collector, reading beside the
// machine, the pause.
// Who calls it: FigureTable.
namespace NativeLeak.Build;

/// <summary>The figures of scans. Ratios of whole scans: park, clone, index, roots, marking, verdicts.</summary>
internal static class ScanFigures
{
    private const string Ours = "nativeleak", OursAlone = "nativeleak-1", Lsan = "lsan", Boehm = "boehm1";
    private const double Million = 1e6, TenMillion = 1e7;

    /// <summary>In the order of the table.</summary>
    public static IReadOnlyList<Figure> All { get; } =
    [
        new("check of 1e6 blocks, CPU / Boehm, 1 marker each", 1.0 / 3, 1.0 / 5, r => Graph(r, OursAlone, "cpu_ns_block") / Graph(r, Boehm, "cpu_ns_block")),
        new("check of 1e6 blocks, CPU / LeakSanitizer", 1.0 / 8, 1.0 / 15, r => Graph(r, OursAlone, "cpu_ns_block") / Graph(r, Lsan, "cpu_ns_block")),
        new("check of 1e6 blocks, CPU, 2 markers / 1 marker", null, null, r => Graph(r, Ours, "cpu_ns_block") / Graph(r, OursAlone, "cpu_ns_block")),
        new("check of 1e6 blocks, copy's wall, 2 markers / 1 marker", null, null, r => Graph(r, Ours, "copy_ns_block") / Graph(r, OursAlone, "copy_ns_block")),
        new("check of 1e6 blocks, holders kept / not, CPU", null, null, r => Graph(r, "nativeleak-holders", "cpu_ns_block") / Graph(r, Ours, "cpu_ns_block")),
        new("check of 1e6 blocks, ns CPU per block, 1 marker", null, null, r => Graph(r, OursAlone, "cpu_ns_block")),
        new("planted leaks found / planted, 1e6 blocks", 1, 1, r => Graph(r, Ours, "found") / Graph(r, Ours, "planted")) { IsLeast = true },
        new("planted leaks found / planted, 1e5 blocks", 1, 1, r => Graph(r, Ours, "found", 1e5) / Graph(r, Ours, "planted", 1e5)) { IsLeast = true },
        new("blocks called lost that are not", 0, 0, r => Graph(r, Ours, "false") ?? Graph(r, Ours, "false", 1e5)),
        new("check of 1e7 blocks, wall / LeakSanitizer", 1.0 / 5, 1.0 / 12, r => Graph(r, Ours, "ns_block", TenMillion) / Graph(r, Lsan, "ns_block", TenMillion)),
        new("check of 1e7 blocks, wall / Boehm's best", 1.0 / 2, 1.0 / 5, r => Graph(r, Ours, "ns_block", TenMillion) / Best(r)),
        new("random words, 1 marker / own read bandwidth", 0.8, 0.95, r => Random(r, OursAlone, "copy_gb_s") / Random(r, OursAlone, "read_gb_s")) { IsLeast = true },
        new("random words, 2 markers / 1 marker", 1.7, 1.9, r => Random(r, Ours, "copy_gb_s") / Random(r, OursAlone, "copy_gb_s")) { IsLeast = true },
        new("own read bandwidth, 2 threads / 1 thread", null, null, r => Random(r, Ours, "read_two_gb_s") / Random(r, Ours, "read_gb_s")),
        new("full of pointers, CPU per word / Boehm, 1 marker each", 1.0 / 3, 1.0 / 5, r => Dense(r, OursAlone) / Dense(r, Boehm)),
        new("full of pointers, CPU per word / LeakSanitizer", 1.0 / 12, 1.0 / 25, r => Dense(r, OursAlone) / Dense(r, Lsan)),
        new("pause, 100 MB resident, 100 threads, ms", 10, 5, r => Pause(r, 100)),
        new("pause, 1 GB resident, 100 threads, ms", 40, 25, r => Pause(r, 1000)),
    ];

    private static double? Graph(RoundLines round, string peer, string name, double blocks = Million)
        => round.Value("graph", peer, name, "n", blocks);

    private static double? Best(RoundLines round)
        => Graph(round, Boehm, "ns_block", TenMillion) is { } one && Graph(round, "boehm2", "ns_block", TenMillion) is { } two
            ? Math.Min(one, two) : null;

    private static double? Random(RoundLines round, string peer, string name) => round.Value("scan", peer, name, "random_mib", 1024);

    private static double? Dense(RoundLines round, string peer) => round.Value("scan", peer, "cpu_ns_word", "dense_mib", 1024);

    private static double? Pause(RoundLines round, double resident) => round.Value("pause", Ours, "pause_ms", "resident_mib", resident);
}
