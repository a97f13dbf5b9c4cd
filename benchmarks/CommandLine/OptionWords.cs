// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the words of a benchmark's command line: a workload, then pairs of --NAME and VALUE.
// Who calls it: the Arguments of each program; the file is compiled into each.
using System.Globalization;

namespace NativeLeak.Benchmarks;

/// <summary>A command line that has been read. Names are not checked: one that nobody asks for changes nothing.</summary>
internal sealed class OptionWords
{
    private readonly Dictionary<string, string> _options;

    private OptionWords(string workload, Dictionary<string, string> options) => (Workload, _options) = (workload, options);

    /// <summary>What to run.</summary>
    public string Workload { get; }

    /// <summary>Null when the words make no sense: another workload, a value without a name, a name twice.</summary>
    public static OptionWords? TryRead(string[] words, IReadOnlyList<string> workloads)
    {
        if (words.Length % 2 == 0 || !workloads.Contains(words[0]))
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

        return new OptionWords(words[0], options);
    }

    /// <summary>An option's text.</summary>
    public string Text(string name, string otherwise) => _options.GetValueOrDefault(name, otherwise);

    /// <summary>An option's number.</summary>
    /// <exception cref="InvalidOperationException">It is no number from <paramref name="least"/> on.</exception>
    public int Number(string name, int otherwise, int least) => !_options.TryGetValue(name, out string? text) ? otherwise
        : int.TryParse(text, CultureInfo.InvariantCulture, out int number) && number >= least ? number
        : throw new InvalidOperationException($"--{name} '{text}' is not a number from {least}");
}
