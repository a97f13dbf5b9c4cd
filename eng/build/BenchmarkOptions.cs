// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.Build;

/// <summary>What follows the verb bench.</summary>
/// <param name="Peers">The C programs take part.</param>
/// <param name="Parts">BenchmarkDotNet measures the parts instead.</param>
/// <param name="Quick">Shorter runs: to see that it works, not to quote.</param>
/// <param name="Rounds">Every peer runs once a round.</param>
internal sealed record BenchmarkOptions(bool Peers, bool Parts, bool Quick, int Rounds)
{
    private const int DefaultRounds = 5;
    private const int QuickRounds = 2;
    private const int MostRounds = 1000;

    /// <summary>Reads the words.</summary>
    /// <exception cref="UsageException">One is unknown, or the number of rounds is none.</exception>
    public static BenchmarkOptions Read(IReadOnlyList<string> words)
    {
        bool peers = false, parts = false, quick = false;
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
            : new BenchmarkOptions(peers, parts, quick, rounds ?? (quick ? QuickRounds : DefaultRounds));
    }
}
