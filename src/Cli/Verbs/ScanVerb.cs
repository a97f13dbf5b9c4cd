// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using NativeLeak.Cli.Processes;
using NativeLeak.Cli.Reports;
using NativeLeak.Cli.Terminals;
using NativeLeak.Control;
using NativeLeak.Options;

namespace NativeLeak.Cli.Verbs;

/// <summary>Scans a watched process now and prints the report.</summary>
internal sealed class ScanVerb : Verb
{
    private readonly TargetOptions _target = new();
    private readonly OutputOptions _output = new();
    private readonly VerdictOption _verdict = new("none");
    private readonly BaselineOption _baseline = new();
    private readonly Option<string?> _minimumAge = new("--min-age") { Description = "Younger blocks are not judged: 5s, 0." };
    private readonly Option<int?> _maximumLeaks = new("--max-leaks") { Description = "Groups to list; 0: all." };

    /// <inheritdoc/>
    public override string Name => "scan";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples =>
        ["scan -p 1234", "scan -n app --format json -o leaks.json", "scan -p 1234 --min-age 0 --fail-on definite"];

    /// <inheritdoc/>
    public override string ExitCodes => "Exit codes: 0 well; 23 when --fail-on is met; 3 when --fail-on was given and the scan is inconclusive; "
        + "2 wrong usage;\n  125 the tool failed, or the process does not answer.";

    /// <inheritdoc/>
    public override Command CreateCommand()
    {
        Command command = new(Name, "Scans a process that is watched (by run, attach or the environment), and prints the report.");
        _target.AddTo(command);
        _output.AddTo(command);
        _verdict.AddTo(command);
        _baseline.AddTo(command);
        _minimumAge.Validators.Add(static result =>
        {
            if (result.Tokens.Count == 1 && !OptionText.TryParseDuration(result.Tokens[0].Value, out _))
            {
                result.AddError("--min-age is a time such as 250ms, 5s or 2m");
            }
        });
        _maximumLeaks.Validators.Add(static result =>
        {
            if (result.Tokens.Count == 1 && result.Tokens[0].Value.StartsWith('-'))
            {
                result.AddError("--max-leaks is 0 or more");
            }
        });
        command.Add(_minimumAge);
        command.Add(_maximumLeaks);
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        Baselines.AcceptedLeaks? baseline = _baseline.Load(parsed);
        int processId = _target.Resolve(parsed);
        Dictionary<string, string> parameters = new() { ["format"] = "json" };
        if (parsed.GetValue(_minimumAge) is { } age)
        {
            parameters["min_age"] = age;
        }

        // A leak that is not listed can be neither accepted nor new.
        int? maximum = parsed.GetValue(_maximumLeaks) ?? (baseline is not null || _output.IsBaseline(parsed) ? 0 : null);
        if (maximum is { } leaks)
        {
            parameters["max_leaks"] = leaks.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        using ControlClient client = ControlClient.Connect(processId);
        byte[] answer = client.Ask(new ControlRequest("scan") { Parameters = parameters }, Chatter.Progress);
        Chatter.ClearProgress();
        LeakReport report = BaselineOption.Mark(baseline, [ReportReader.Read(answer, $"process {processId}")])[0];
        _output.Write(parsed, report);
        return _verdict.Judge(parsed, [report]);
    }
}
