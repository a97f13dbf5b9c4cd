// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using NativeLeak.Options;

namespace NativeLeak.Cli.Verbs;

/// <summary>The options <c>--level</c> and <c>--option key=value</c>: what the detector is told.</summary>
internal sealed class LevelOptions
{
    private readonly Option<string> _level = new("--level", "-l")
    {
        Description = "How much is recorded.", DefaultValueFactory = static _ => "on",
    };

    private readonly Option<string[]> _options = new("--option")
    {
        Description = "An option of the detector (NATIVELEAK_OPTIONS=help=1 lists them); may be given several times.",
        Arity = ArgumentArity.OneOrMore, HelpName = "key=value",
    };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        _level.AcceptOnlyFromAmong("count", "sample", "on", "paranoid");
        _options.CompletionSources.Add(static _ => OptionTable.Names.Select(
            static name => new System.CommandLine.Completions.CompletionItem(name + "=")));
        _options.AllowMultipleArgumentsPerToken = false;
        _options.Validators.Add(static result =>
        {
            foreach (string text in result.Tokens.Select(static token => token.Value))
            {
                if (Refuse(text) is { } problem)
                {
                    result.AddError(problem);
                }
            }
        });
        command.Add(_level);
        command.Add(_options);
    }

    /// <summary>The level.</summary>
    public string Level(ParseResult parsed) => parsed.GetValue(_level)!;

    /// <summary>The options, each <c>key=value</c>.</summary>
    public IReadOnlyList<string> Values(ParseResult parsed) => parsed.GetValue(_options) ?? [];

    // What the detector would only warn of, in a program that perhaps nobody watches, is an error here.
    private static string? Refuse(string text)
    {
        string[] parts = text.Split('=', 2, StringSplitOptions.TrimEntries);
        OptionDefinition? row = OptionTable.Find(parts[0].Replace('-', '_'));
        if (row is null)
        {
            return $"unknown option '{parts[0]}'; the nearest is '{NearestName.Find(parts[0], OptionTable.Names)}'";
        }

        return parts.Length < 2 || parts[1].AsSpan().ContainsAny('\n', '\r') || OptionText.Parse(row, parts[1]) is null
            ? $"bad value for '{row.Name}': {OptionText.Expectation(row)} is expected"
            : null;
    }
}
