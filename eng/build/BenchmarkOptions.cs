// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.Build;

/// <summary>What follows the verb bench.</summary>
/// <param name="Peers">The C programs take part.</param>
/// <param name="Parts">BenchmarkDotNet measures the parts instead.</param>
/// <param name="Quick">Shorter runs: to see that it works, not to quote.</param>
/// <param name="Large">Also the largest sizes of the scans: 10,000,000 blocks, 4 GiB.</param>
/// <param name="ScansOnly">Only the scans.</param>
/// <param name="Rounds">Every peer runs once a round.</param>
internal sealed record BenchmarkOptions(bool Peers, bool Parts, bool Quick, bool Large, bool ScansOnly, int Rounds)
{
    private const int DefaultRounds = 5;
    private const int QuickRounds = 2;
    private const int MostRounds = 1000;

    /// <summary>Reads the words.</summary>
    /// <exception cref="UsageException">One is unknown, or the number of rounds is none.</exception>
    public static BenchmarkOptions Read(IReadOnlyList<string> words)
    {
        bool peers = false, parts = false, quick = false, large = false, scans = false;
        int? rounds = null;
        for (int i = 0; i < words.Count; i++)
        {
            switch (words[i])
            {
                case "--peers":
                    peers = true;
                    break;
                case "--parts":
                    parts = true;
                    break;
                case "--quick":
                    quick = true;
                    break;
                case "--large":
                    large = true;
                    break;
                case "--scans":
                    scans = true;
                    break;
                case "--rounds":
                    string text = ++i < words.Count ? words[i] : "";
                    rounds = int.TryParse(text, CultureInfo.InvariantCulture, out int number) && number is > 0 and <= MostRounds
                        ? number
                        : throw new UsageException($"--rounds '{text}' is not a number from 1 to {MostRounds}");
                    break;
                default:
                    throw new UsageException($"unknown option '{words[i]}'");
            }
        }

        return parts && peers
            ? throw new UsageException("--parts and --peers measure different things: one at a time")
            : new BenchmarkOptions(peers, parts, quick, large, scans, rounds ?? (quick ? QuickRounds : DefaultRounds));
    }
}
