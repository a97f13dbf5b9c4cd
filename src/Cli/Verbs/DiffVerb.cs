// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using NativeLeak.Cli.Reports;
using NativeLeak.Cli.Terminals;

namespace NativeLeak.Cli.Verbs;

/// <summary>Compares two JSON reports.</summary>
internal sealed class DiffVerb : Verb
{
    private readonly Argument<string> _old = new("old") { Description = "The report before, in JSON." };
    private readonly Argument<string> _new = new("new") { Description = "The report after, in JSON." };
    private readonly Option<string?> _output = new("--output", "-o") { Description = "A file for the table; without it standard output." };
    private readonly Option<string?> _failOn = new("--fail-on") { Description = "new: a site that is new makes the exit code 23; growth: also one that has grown." };

    /// <inheritdoc/>
    public override string Name => "diff";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples => ["diff monday.json thursday.json", "diff accepted.json leaks.json --fail-on new"];

    /// <inheritdoc/>
    public override string ExitCodes => "Exit codes: 0 well; 23 when --fail-on is met; 3 when --fail-on was given and the new report is inconclusive; "
        + "2 wrong usage;\n  125 the tool failed.";

    /// <inheritdoc/>
    public override Command CreateCommand()
    {
        Command command = new(Name, "Compares two reports by the fingerprints of their sites: new, grown, shrunk, gone.");
        _failOn.AcceptOnlyFromAmong("new", "growth");
        command.Add(_old);
        command.Add(_new);
        command.Add(_output);
        command.Add(_failOn);
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        LeakReport now = ReportReader.ReadFile(parsed.GetValue(_new)!);
        ReportDiff diff = new(ReportReader.ReadFile(parsed.GetValue(_old)!), now);
        Result.Write(diff.ToText(), parsed.GetValue(_output));
        string? failOn = parsed.GetValue(_failOn);
        if (failOn is null)
        {
            return ExitCode.Success;
        }

        // A report at level count judges nothing, and nothing is wrong with that: it is a count.
        bool isCount = now.Coverage.Mode == "count";
        return !now.IsConclusive && !isCount ? ExitCode.Inconclusive
            : diff.Rows.Any(row => row.Change == Change.New || (failOn == "growth" && row.Change == Change.Grown)) ? ExitCode.Leaks
            : ExitCode.Success;
    }
}
