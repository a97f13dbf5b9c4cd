// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using NativeLeak.Cli.Reports;

namespace NativeLeak.Cli.Verbs;

/// <summary>Converts a JSON report.</summary>
internal sealed class ReportVerb : Verb
{
    private readonly OutputOptions _output = new();
    private readonly Argument<string> _file = new("file") { Description = "A report in JSON." };

    /// <inheritdoc/>
    public override string Name => "report";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples => ["report leaks.json", "report leaks.json -v 1 -o leaks.txt", "report leaks.json --format json"];

    /// <inheritdoc/>
    public override Command CreateCommand()
    {
        Command command = new(Name, "Converts a JSON report: to a text, or to JSON as this version writes it.");
        command.Add(_file);
        _output.AddTo(command);
        command.SetAction(parsed =>
        {
            _output.Write(parsed, ReportReader.ReadFile(parsed.GetValue(_file)!));
            return ExitCode.Success;
        });
        return command;
    }
}
