// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the verb bench: rounds of single measurements, a table of ratios at the end.
// The one idea: every peer runs once a round, in an order that turns by one from round to round, so that what else the
// machine does meets all of them; only ratios within a round are compared. Slowness is a figure, not a failure.
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace NativeLeak.Build;

/// <summary>Measures and compares.</summary>
internal static class Benchmark
{
    private const string Churn = "NativeLeak.Benchmarks.Churn";
    private const string Hello = "NativeLeak.Benchmarks.Hello";
    private const string Parts = "NativeLeak.Benchmarks.Parts";
    private const int StartsPerRound = 3;
    private static readonly TimeSpan s_runLimit = TimeSpan.FromMinutes(8);
    private static readonly string[] s_singlePeers =
        ["native-memory", "tracked-memory", "hook", "marshal", "tracked-marshal", "tracked-off"];

    private static readonly string[] s_doublePeers = ["native-memory", "tracked-memory", "hook"];
    private static readonly string[] s_startStates = ["plain", "off", "on"];

    /// <summary>Runs the verb; everything it needs is built already.</summary>
    /// <returns>0, or 1 when something could not be measured.</returns>
    public static async Task<int> RunAsync(BenchmarkOptions options)
    {
        if (options.Parts)
        {
            return await RunPartsAsync(options).ConfigureAwait(false);
        }

        if (options.Peers && await CPeers.PrepareAsync().ConfigureAwait(false) is { } obstacle)
        {
            Console.Error.WriteLine($"build: {obstacle}");
            return 1;
        }

        List<string> output = [Machine()];
        Console.WriteLine(output[0]);
        List<ResultLine> results = [];
        bool isComplete = true;
        for (int round = 1; round <= options.Rounds; round++)
        {
            IEnumerable<(int, ProcessStartInfo)> runs = options.ScansOnly ? [] : Round(options, round);
            foreach ((int part, ProcessStartInfo start) in runs.Concat(ScanRounds.Of(options, round).Select(start => (0, start))))
            {
                (int? exitCode, IReadOnlyList<string> lines) = await Tool.WatchAsync(start, s_runLimit).ConfigureAwait(false);
                output.AddRange(lines);
                ResultLine[] measured = [.. lines.Select(line => ResultLine.TryParse((round * StartsPerRound) + part, line)).OfType<ResultLine>()];
                results.AddRange(measured);
                isComplete &= exitCode == 0 && measured.Length > 0;
            }
        }

        output.Add($"\n{options.Rounds} rounds; medians of ratios within a round\n{FigureTable.Write(results)}");
        output.Add(Machine());
        Console.WriteLine($"{output[^2]}\n{output[^1]}");
        Console.WriteLine($"kept in {Path.GetRelativePath(Repository.Root, Keep(output))}");
        if (!isComplete)
        {
            Console.Error.WriteLine("build: not everything could be measured; see above");
        }

        return isComplete ? 0 : 1;
    }

    // Part 0 holds everything; starts are short and come several times a round, each time a round of its own.
    private static IEnumerable<(int Part, ProcessStartInfo Start)> Round(BenchmarkOptions options, int round)
    {
        string pairs = options.Quick ? "300000" : "2800000";
        string cPairs = options.Quick ? "300000" : "1500000";
        for (int threads = 1; threads <= 2; threads++)
        {
            IEnumerable<string> peers = threads == 1 ? s_singlePeers : s_doublePeers;
            string text = threads.ToString(CultureInfo.InvariantCulture);
            foreach (string peer in Turn([.. peers, .. options.Peers ? CPeers.Names : []], round))
            {
                yield return (0, CPeers.Names.Contains(peer)
                    ? new ProcessStartInfo(CPeers.ProgramOf(peer), [text, cPairs, "10000"])
                    : Workload("churn", "--peer", peer, "--threads", text, "--pairs", pairs));
            }
        }

        foreach (string peer in Turn(["native-memory", "tracked-memory"], round))
        {
            yield return (0, Workload("retain", "--peer", peer, "--blocks", options.Quick ? "100000" : "1000000"));
        }

        yield return (0, Workload("first-sight", "--levels", options.Quick ? "6" : "9"));
        for (int part = 0; part < StartsPerRound; part++)
        {
            foreach (string state in Turn(s_startStates, round + part))
            {
                yield return (part, Workload("start", "--peer", state, "--hello", Repository.ProgramOf(Hello),
                    "--hook", Repository.StartupHook));
            }
        }
    }

    /// <summary>The peers in another order each round.</summary>
    public static IEnumerable<string> Turn(string[] peers, int by)
        => Enumerable.Range(0, peers.Length).Select(i => peers[(i + by) % peers.Length]);

    private static ProcessStartInfo Workload(params string[] words) => WorkloadOf(Churn, words);

    /// <summary>A workload of a program of ours, with nothing of the detector switched on from outside.</summary>
    public static ProcessStartInfo WorkloadOf(string program, params string[] words)
    {
        ProcessStartInfo start = new(Tool.DotnetPath(), [Repository.ProgramOf(program), .. words]);
        // Each workload decides itself whether the detector is on.
        start.Environment.Remove("DOTNET_STARTUP_HOOKS");
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("NATIVELEAK", StringComparison.Ordinal)).ToArray())
        {
            start.Environment.Remove(name);
        }

        return start;
    }

    private static Task<int> RunPartsAsync(BenchmarkOptions options)
    {
        ProcessStartInfo start = new(Tool.DotnetPath(),
        [
            Repository.ProgramOf(Parts), "--filter", "*", "--artifacts", Path.Combine(Repository.Artifacts, "bench", "parts"),
            .. options.Quick ? (string[])["--job", "short"] : [],
        ])
        {
            WorkingDirectory = Repository.Root,
        };
        return Tool.RunAsync(start);
    }

    // What a figure cannot be read without.
    private static string Machine()
    {
        string processor = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) ?? ""
            : "";
        string load = File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Trim() : "unknown";
        return string.Create(CultureInfo.InvariantCulture,
            $"# {Environment.ProcessorCount} processors,{processor[(processor.IndexOf(':', StringComparison.Ordinal) + 1)..]}, "
            + $"{RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}; load average {load}");
    }

    private static string Keep(List<string> output)
    {
        string folder = Path.Combine(Repository.Artifacts, "bench");
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, $"bench-{DateTime.UtcNow.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}.txt");
        File.WriteAllText(path, string.Join('\n', output) + "\n", new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        return path;
    }
}
