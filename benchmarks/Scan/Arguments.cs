// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

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
    private readonly Dictionary<string, string> _options;

    private Arguments(string workload, Dictionary<string, string> options) => (Workload, _options) = (workload, options);

    /// <summary>What to run.</summary>
    public string Workload { get; }

    /// <summary>Null when the words make no sense.</summary>
    public static Arguments? TryRead(string[] words)
    {
        if (words.Length % 2 == 0 || !s_workloads.Contains(words[0]))
        {
            return null;
        }

        Dictionary<string, string> options = [];
        for (int i = 1; i < words.Length; i += 2)
        {
            if (!words[i].StartsWith("--", StringComparison.Ordinal) || !options.TryAdd(words[i][2..], words[i + 1]))
            {
                return null;
            }
        }

        return new Arguments(words[0], options);
    }

    /// <summary>An option's number.</summary>
    /// <exception cref="InvalidOperationException">It is no number from 0.</exception>
    public int Number(string name, int otherwise) => !_options.TryGetValue(name, out string? text) ? otherwise
        : int.TryParse(text, CultureInfo.InvariantCulture, out int number) && number >= 0 ? number
        : throw new InvalidOperationException($"--{name} '{text}' is not a number");
}
