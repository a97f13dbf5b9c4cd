// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using NativeLeak.Cli.Terminals;
using NativeLeak.Options;
using NativeLeak.Reporting.Formats;

namespace NativeLeak.Cli.Verbs;

/// <summary>The options that say in which form a report goes where: <c>--format</c>, <c>-o</c> and <c>-v</c>.</summary>
internal sealed class OutputOptions
{
    private readonly Option<string> _format = new("--format")
    {
        Description = "Form of the report.", DefaultValueFactory = static _ => "text",
    };

    private readonly Option<string?> _output = new("--output", "-o") { Description = "A file for it; without it standard output." };
    private readonly Option<int> _verbosity = new("--verbosity", "-v")
    {
        Description = "0 to 2: how much a text tells.", DefaultValueFactory = static _ => 0,
    };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        _format.AcceptOnlyFromAmong(OptionTable.Get(OptionKey.Format).Words);
        _verbosity.Validators.Add(static result =>
        {
            if (result.Tokens.Count == 1 && result.Tokens[0].Value is not ("0" or "1" or "2"))
            {
                result.AddError("--verbosity is 0, 1 or 2");
            }
        });
        command.Add(_format);
        command.Add(_output);
        command.Add(_verbosity);
    }

    /// <summary>Whether JSON is wanted.</summary>
    public bool IsJson(ParseResult parsed) => parsed.GetValue(_format) == "json";

    /// <summary>Whether a baseline is wanted.</summary>
    public bool IsBaseline(ParseResult parsed) => parsed.GetValue(_format) == "baseline";

    /// <summary>The file, or null.</summary>
    public string? Path(ParseResult parsed) => parsed.GetValue(_output);

    /// <summary>Writes a report. Texts are free of control characters, wherever the report came from.</summary>
    public void Write(ParseResult parsed, LeakReport report) => Result.Write(Render(parsed, report), Path(parsed));

    /// <summary>A report in the form that is wanted.</summary>
    public byte[] Render(ParseResult parsed, LeakReport report) => ReportWriter.Write(
        report, Enum.Parse<ReportFormat>(parsed.GetValue(_format)!, ignoreCase: true), new TextStyle(parsed.GetValue(_verbosity)));
}
