// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Benchmarks.Scan;

/// <summary>The command line.</summary>
internal sealed class Arguments
{
    /// <summary>Shown when the command line is wrong.</summary>
    public const string Usage = """
        usage: NativeLeak.Benchmarks.Scan WORKLOAD [--NAME VALUE]…
          graph  --blocks N (1000000)
          scan   --random MIB (0) --dense MIB (0) --targets N (1000000)
          pause  --resident MIB (100) --threads N (100)
        all: --checks N (3), after one that is not counted; --markers N (one a processor, two at most);
             --holders 1 (as a scheduled scan, which writes down what holds each block; else as the scan at the end)
        """;

    private static readonly string[] s_workloads = ["graph", "scan", "pause"];
    private readonly OptionWords _words;

    private Arguments(OptionWords words) => _words = words;

    /// <summary>What to run.</summary>
    public string Workload => _words.Workload;

    /// <summary>Null when the words make no sense.</summary>
    public static Arguments? TryRead(string[] words)
        => OptionWords.TryRead(words, s_workloads) is { } read ? new Arguments(read) : null;

    /// <summary>An option's number.</summary>
    /// <exception cref="InvalidOperationException">It is no number from 0.</exception>
    public int Number(string name, int otherwise) => _words.Number(name, otherwise, least: 0);
}
