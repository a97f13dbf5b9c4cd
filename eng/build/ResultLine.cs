// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.Build;

/// <summary>One measured line: <c>RESULT workload=churn peer=NAME threads=T cpu_ns_pair=X …</c>.</summary>
/// <param name="Round">The round it was measured in; lines of one round are compared with each other.</param>
/// <param name="Workload">What was done.</param>
/// <param name="Peer">Who did it.</param>
/// <param name="Threads">On how many threads; 1 where the line does not say.</param>
/// <param name="Values">All words that are numbers, by name.</param>
internal sealed record ResultLine(
    int Round,
    string Workload,
    string Peer,
    int Threads,
    IReadOnlyDictionary<string, double> Values)
{
    private const string Mark = "RESULT ";

    /// <summary>Reads a line; null when it is something else.</summary>
    public static ResultLine? TryParse(int round, string line)
    {
        if (!line.StartsWith(Mark, StringComparison.Ordinal))
        {
            return null;
        }

        Dictionary<string, string> words = [];
        foreach (string word in line[Mark.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = word.Split('=', 2);
            if (parts.Length != 2 || !words.TryAdd(parts[0], parts[1]))
            {
                return null;
            }
        }

        if (!words.TryGetValue("workload", out string? workload) || !words.TryGetValue("peer", out string? peer))
        {
            return null;
        }

        Dictionary<string, double> values = [];
        foreach ((string name, string text) in words)
        {
            if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
            {
                values.Add(name, value);
            }
        }

        return new ResultLine(round, workload, peer, (int)values.GetValueOrDefault("threads", 1), values);
    }
}
