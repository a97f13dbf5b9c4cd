// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using NativeLeak.Cli.Reports;

namespace NativeLeak.Cli.Verbs;

/// <summary>Converts a JSON report.</summary>
internal sealed class ReportVerb : Verb
{
    private readonly OutputOptions _output = new();
    private readonly BaselineOption _baseline = new();
    private readonly Argument<string> _file = new("file") { Description = "A report in JSON." };

    /// <inheritdoc/>
    public override string Name => "report";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples => ["report leaks.json", "report leaks.json -v 1 -o leaks.txt", "report leaks.json --format sarif --baseline accepted.json", "report leaks.json --format baseline -o accepted.json"];

    /// <inheritdoc/>
    public override Command CreateCommand()
    {
        Command command = new(Name, "Converts a JSON report: to a text or any other form, or to JSON as this version writes it.");
        command.Add(_file);
        _output.AddTo(command);
        _baseline.AddTo(command);
        command.SetAction(parsed =>
        {
            LeakReport report = ReportReader.ReadFile(parsed.GetValue(_file)!);
            _output.Write(parsed, BaselineOption.Mark(_baseline.Load(parsed), [report])[0]);
            return ExitCode.Success;
        });
        return command;
    }
}
