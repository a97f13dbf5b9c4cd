// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the scans of one round of the verb bench: which peer, which workload, which size.
// Who calls it: Benchmark.
// The one idea: every peer checks the same graph and the same big blocks, one process each, in an order that turns.
using System.Diagnostics;
using System.Globalization;

namespace NativeLeak.Build;

/// <summary>What is scanned in a round.</summary>
internal static class ScanRounds
{
    private const string Program = "NativeLeak.Benchmarks.Scan";
    private const string Ours = "nativeleak", OursAlone = "nativeleak-1", OursHolding = "nativeleak-holders", Raw = "raw";
    private const string Targets = "1000000", Checks = "3", PauseChecks = "10";

    /// <summary>The runs of a round.</summary>
    public static IEnumerable<ProcessStartInfo> Of(BenchmarkOptions options, int round)
    {
        string[] others = options.Peers ? [.. CPeers.Scanning.Keys] : [];
        string[] sizes = options.Quick ? ["100000"] : options.Large ? ["100000", "1000000", "10000000"] : ["100000", "1000000"];
        foreach (string size in sizes)
        {
            foreach (string peer in Benchmark.Turn([Ours, OursAlone, OursHolding, .. others, .. options.Peers ? (string[])[Raw] : []], round))
            {
                yield return IsOurs(peer) ? Run(peer, "graph", "--blocks", size) : CPeers.Scan(peer, "graph", size, Checks);
            }
        }

        // MiB of random words, MiB of pointers.
        string[] random = options.Quick ? ["256"] : options.Large ? ["1024", "4096"] : ["1024"];
        string dense = options.Quick ? "128" : "1024";
        foreach ((string words, string pointers) in random.Select(mebis => (mebis, "0")).Append(("0", dense)))
        {
            foreach (string peer in Benchmark.Turn([Ours, OursAlone, .. others], round))
            {
                yield return IsOurs(peer) ? Run(peer, "scan", "--random", words, "--dense", pointers, "--targets", Targets)
                    : CPeers.Scan(peer, "scan", words, pointers, Targets, Checks);
            }
        }

        foreach (string resident in options.Quick ? (string[])["100"] : ["100", "1000"])
        {
            yield return Run(Ours, "pause", "--resident", resident, "--threads", "100", "--checks", PauseChecks);
        }
    }

    private static bool IsOurs(string peer) => peer.StartsWith(Ours, StringComparison.Ordinal);

    private static ProcessStartInfo Run(string peer, params string[] words) => Benchmark.WorkloadOf(Program,
        [.. words, .. peer switch
        {
            OursAlone => (string[])["--markers", 1.ToString(CultureInfo.InvariantCulture)],
            OursHolding => ["--holders", "1"],
            _ => [],
        }]);
}
