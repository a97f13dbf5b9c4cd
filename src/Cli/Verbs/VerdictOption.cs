// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using NativeLeak.Options;
using NativeLeak.Reporting;

namespace NativeLeak.Cli.Verbs;

/// <summary>The option <c>--fail-on</c>: which leaks make the exit code 23.</summary>
/// <param name="otherwise">What holds without the option.</param>
internal sealed class VerdictOption(string otherwise)
{
    private readonly Option<string> _failOn = new("--fail-on")
    {
        Description = "What makes the exit code 23; inconclusive reports make it 3 when this is given.",
        DefaultValueFactory = _ => otherwise,
    };

    /// <summary>Adds it to a command.</summary>
    public void AddTo(Command command)
    {
        _failOn.AcceptOnlyFromAmong(OptionTable.Get(OptionKey.FailOn).Words);
        command.Add(_failOn);
    }

    /// <summary>The exit code that reports ask for.</summary>
    public int Judge(ParseResult parsed, IReadOnlyCollection<LeakReport> reports)
    {
        FailOn failOn = Enum.Parse<FailOn>(parsed.GetValue(_failOn)!, ignoreCase: true);
        if (failOn == FailOn.None)
        {
            return ExitCode.Success;
        }

        if (reports.Any(report => failOn.IsMetBy(report)))
        {
            return ExitCode.Leaks;
        }

        bool isAsked = parsed.GetResult(_failOn) is { Implicit: false };
        return isAsked && (reports.Count == 0 || reports.Any(static report => !report.IsConclusive))
            ? ExitCode.Inconclusive
            : ExitCode.Success;
    }
}
