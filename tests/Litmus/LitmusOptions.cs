// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.Litmus;

/// <summary>The command line.</summary>
/// <param name="Races">The races to run, in order.</param>
/// <param name="Seconds">How long the real code of each race runs at least.</param>
/// <param name="Rounds">How many rounds it runs at least.</param>
/// <param name="Times">How many times the rounds of its control the real code runs at least.</param>
/// <param name="ControlSeconds">How long a control may take to be caught, and how much longer than asked the real code may
/// run to outdo the control's rounds.</param>
/// <param name="RunsBroken">Whether the broken variants run in the place of the real code.</param>
/// <param name="ShowsHelp">Whether the usage is all that was asked for.</param>
internal sealed record LitmusOptions(
    IReadOnlyList<Race> Races, int Seconds, long Rounds, int Times, int ControlSeconds, bool RunsBroken, bool ShowsHelp)
{
    public const int DefaultSeconds = 10;
    public const int DefaultTimes = 10;
    public const int DefaultControlSeconds = 120;

    /// <summary>The help.</summary>
    public static string Usage { get; } = string.Create(CultureInfo.InvariantCulture, $"""
        usage: litmus [OPTIONS]

          --race NAME          run this race only; may be repeated
          --seconds N          run the real code of each race for N seconds or longer ({DefaultSeconds})
          --rounds N           … and for N rounds or more (0)
          --times N            … and for N times the rounds its control needed ({DefaultTimes})
          --control-seconds N  give up on a control that was not caught in N seconds ({DefaultControlSeconds})
          --broken             run the broken variants in the place of the real code: this must end with 1
          --help               print this

        Every race first runs its control, a frozen variant of the code without one of its safeguards, until it is caught;
        then the real code, for more rounds than that took. Exit codes: 0 pass, 1 violation, 2 usage, 3 inconclusive (a control
        was not caught, or the real code never raced).

        races:
        {string.Join('\n', Race.All.Select(race => $"  {race.Name,-19}{race.Summary}\n  {string.Empty,-19}control: {race.Control}"))}
        """);

    /// <summary>Reads the words; null, with the problem, when they are wrong.</summary>
    public static LitmusOptions? Parse(IReadOnlyList<string> words, out string? problem)
    {
        List<Race> races = [];
        LitmusOptions options = new(Race.All, DefaultSeconds, Rounds: 0, DefaultTimes, DefaultControlSeconds, RunsBroken: false,
            ShowsHelp: false);
        problem = null;
        for (int i = 0; i < words.Count; i++)
        {
            string word = words[i];
            if (word is "--help" or "-h" or "--broken")
            {
                options = word == "--broken" ? options with { RunsBroken = true } : options with { ShowsHelp = true };
                continue;
            }

            if (i + 1 == words.Count || word is not ("--race" or "--seconds" or "--rounds" or "--times"
                or "--control-seconds"))
            {
                problem = word.StartsWith("--", StringComparison.Ordinal) && i + 1 == words.Count
                    ? $"unknown option, or one without its value: '{word}'" : $"unknown option '{word}'";
                return null;
            }

            string value = words[++i];
            if (word == "--race")
            {
                Race? race = Race.All.FirstOrDefault(race => race.Name == value);
                if (race is null)
                {
                    problem = $"no race is called '{value}' ({string.Join(", ", Race.All.Select(race => race.Name))})";
                    return null;
                }

                races.Add(race);
            }
            else if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                problem = $"{word} needs a number, not '{value}'";
                return null;
            }
            else
            {
                options = word switch
                {
                    "--seconds" => options with { Seconds = number },
                    "--rounds" => options with { Rounds = number },
                    "--times" => options with { Times = number },
                    _ => options with { ControlSeconds = number },
                };
            }
        }

        return races.Count == 0 ? options : options with { Races = races };
    }
}
