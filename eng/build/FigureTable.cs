// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the figures that the project promises, and the table that compares them with what was measured.
// Who calls it: Benchmark; Benchmarks.Tests.
using System.Globalization;
using System.Text;

namespace NativeLeak.Build;

/// <summary>The figures, in the order of the table.</summary>
internal static class FigureTable
{
    private const string Plain = "native-memory";
    private const string Memory = "tracked-memory";
    private const string Hook = "hook";
    private const double PairMust = 1.5, PairAim = 1.0;
    private const double LsanMust = 1.0 / 5, LsanAim = 1.0 / 10;
    private const double StartMust = 25, StartAim = 15;
    private const double ThreadsMust = 1.2, ThreadsAim = 1.05;

    /// <summary>Every figure; one that was not measured is left out of the table.</summary>
    public static IReadOnlyList<Figure> Figures { get; } =
    [
        new("TrackedMemory pair / NativeMemory pair, 1 thread", PairMust, PairAim, r => r.Pair(Memory) / r.Pair(Plain)),
        new("NativeMemory pair through the hook / plain, 1 thread", PairMust, PairAim, r => r.Pair(Hook) / r.Pair(Plain)),
        new("TrackedMarshal pair / Marshal pair, 1 thread", PairMust, PairAim, r => r.Pair("tracked-marshal") / r.Pair("marshal")),
        new("TrackedMemory / NativeMemory over LSan / malloc", LsanMust, LsanAim, r => r.Pair(Memory) / r.Pair(Plain) / (r.Pair("lsan") / r.Pair("raw"))),
        new("hook / NativeMemory over LSan / malloc", LsanMust, LsanAim, r => r.Pair(Hook) / r.Pair(Plain) / (r.Pair("lsan") / r.Pair("raw"))),
        new("TrackedMemory CPU per pair, 2 threads / 1 thread", ThreadsMust, ThreadsAim, r => r.Pair(Memory, 2) / r.Pair(Memory)),
        new("hook CPU per pair, 2 threads / 1 thread", ThreadsMust, ThreadsAim, r => r.Pair(Hook, 2) / r.Pair(Hook)),
        new("metadata per live 64 B block, resident bytes", 24, 16, r => r.Value("retain", Memory, "rss_bytes_block") - r.Value("retain", Plain, "rss_bytes_block")),
        new("metadata per live 64 B block, recorder's count", null, null, r => r.Value("retain", Memory, "metadata_bytes_block")),
        new("TrackedMemory with NATIVELEAK unset / NativeMemory", null, null, r => r.Pair("tracked-off") / r.Pair(Plain)),
        new("first sight of a call stack, us CPU", 50, 10, r => r.Value("first-sight", Memory, "cpu_us_stack")),
        new("hello world to Main, hook on - no hook, ms", StartMust, StartAim, r => Start(r, "on", "main_ms") - Start(r, "plain", "main_ms")),
        new("hello world to Main, hook off - no hook, ms", null, null, r => Start(r, "off", "main_ms") - Start(r, "plain", "main_ms")),
        new("hello world to Main, hook on - no hook, ms CPU", StartMust, StartAim, r => Start(r, "on", "main_cpu_ms") - Start(r, "plain", "main_cpu_ms")),
        new("hello world to its end, scan included, ms", null, null, r => Start(r, "on", "exit_ms") - Start(r, "plain", "exit_ms")),
        .. ScanFigures.All,
        new("NativeMemory pair / malloc pair in C", null, null, r => r.Pair(Plain) / r.Pair("raw")),
        new("LeakSanitizer pair / malloc pair", null, null, r => r.Pair("lsan") / r.Pair("raw")),
        new("Boehm leak-finding pair / malloc pair", null, null, r => r.Pair("boehm") / r.Pair("raw")),
        new("LeakSanitizer, 2 threads / 1 thread", null, null, r => r.Pair("lsan", 2) / r.Pair("lsan")),
        new("NativeMemory, 2 threads / 1 thread", null, null, r => r.Pair(Plain, 2) / r.Pair(Plain)),
        new("NativeMemory, ns CPU per pair, 1 thread", null, null, r => r.Pair(Plain)),
        new("TrackedMemory, ns CPU per pair, 1 thread", null, null, r => r.Pair(Memory)),
    ];

    /// <summary>The table, one line a figure that was measured: median, spread, targets, verdict.</summary>
    public static string Write(IReadOnlyCollection<ResultLine> lines)
    {
        RoundLines[] rounds = [.. lines.GroupBy(line => line.Round).Select(group => new RoundLines(group))];
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture,
            $"{"figure",-54} {"median",8} {"least",8} {"most",8} {"n",3} {"must",6} {"aim",6}  verdict\n");
        foreach (Figure figure in Figures)
        {
            double[] values = [.. rounds.Select(figure.Compute).OfType<double>().Where(double.IsFinite)];
            if (values.Length > 0)
            {
                double median = Figure.Median(values);
                text.Append(CultureInfo.InvariantCulture,
                    $"{figure.Name,-54} {median,8:F2} {values.Min(),8:F2} {values.Max(),8:F2} {values.Length,3} "
                    + $"{figure.Must,6:0.##} {figure.Aim,6:0.##}  {figure.Judge(median)}\n");
            }
        }

        return text.ToString();
    }

    private static double? Start(RoundLines round, string state, string name) => round.Value("start", state, name);
}
