// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the verb run: a command under the detector, its reports, its exit code.
// The one idea: every process of the command writes its report into a folder of the tool's own; what they say together decides,
// so that a command that starts others (dotnet test, a script) is judged as a whole.
using System.CommandLine;
using System.Diagnostics;
using NativeLeak.Baselines;
using NativeLeak.Cli.Processes;
using NativeLeak.Cli.Reports;
using NativeLeak.Cli.Terminals;

namespace NativeLeak.Cli.Verbs;

/// <summary>Runs a command with the detector switched on.</summary>
internal sealed class RunVerb : Verb
{
    /// <summary>The word on the command line.</summary>
    public const string VerbName = "run";

    private static readonly string[] s_ownKeys = ["log_path", "format", "fail_on", "exitcode", "baseline"];

    private readonly LevelOptions _level = new();
    private readonly OutputOptions _output = new();
    private readonly VerdictOption _verdict = new("definite");
    private readonly BaselineOption _baseline = new();
    private readonly Option<bool> _update = new("--update-baseline")
    {
        Description = "Writes the leaks of this run to the file of --baseline, instead of comparing with it.",
    };
    private readonly Argument<string[]> _command = new("command")
    {
        Description = "The command and its words, after --.", Arity = ArgumentArity.OneOrMore,
    };

    /// <inheritdoc/>
    public override string Name => VerbName;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples =>
        ["run -- dotnet app.dll --its-own-option", "run --fail-on possible --format json -o leaks.json -- dotnet test", "run --level sample --option min_age=1s -- ./app",
            "run --fail-on new --baseline leaks.json -- dotnet app.dll", "run --baseline leaks.json --update-baseline -- dotnet app.dll"];

    /// <inheritdoc/>
    public override string ExitCodes => "Exit codes: the command's own; 23 in place of 0 when --fail-on is met; 3 in place of 0 when --fail-on was given and a\n"
        + "  report is inconclusive; 126 and 127 the command could not be started; 2 wrong usage; 125 the tool failed.";

    /// <inheritdoc/>
    public override Command CreateCommand()
    {
        Command command = new(Name, "Runs a command with the detector switched on; its reports go to standard error.");
        _level.AddTo(command);
        _output.AddTo(command);
        _verdict.AddTo(command);
        _baseline.AddTo(command);
        command.Add(_update);
        command.Validators.Add(result =>
        {
            if (result.GetValue(_update) && result.GetValue(_baseline.Option) is null)
            {
                result.AddError("--update-baseline needs --baseline and the file to write");
            }
        });
        command.Add(_command);
        command.SetAction((parsed, _) => RunAsync(parsed));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed)
    {
        // Before the command: nobody wants to learn after an hour of tests that the file is missing.
        bool updates = parsed.GetValue(_update);
        AcceptedLeaks? baseline = updates ? null : _baseline.Load(parsed);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("nativeleak-run-");
        try
        {
            int exitCode = await ChildCommand.RunAsync(CreateStart(parsed, folder.FullName)).ConfigureAwait(false);
            if (exitCode is ExitCode.NotFound or ExitCode.CannotStart && folder.GetFiles().Length == 0)
            {
                return exitCode;
            }

            IReadOnlyList<LeakReport> reports = BaselineOption.Mark(baseline, ReadAll(folder));
            if (reports.Count == 0)
            {
                Chatter.Say("no report was made: was it a .NET program, and not killed? The dotnet command, MSBuild, compilers and test hosts "
                    + "are left alone unless they are named, as in --option processes=testhost");
            }

            Show(parsed, reports, baseline);
            if (updates)
            {
                int outcome = Update(_baseline.Path(parsed)!, reports);
                return exitCode == 0 ? outcome : exitCode;
            }

            int verdict = _verdict.Judge(parsed, reports);
            return exitCode == 0 ? verdict : exitCode;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // A run with gaps may have missed leaks, which would be new the next time.
    private static int Update(string path, IReadOnlyList<LeakReport> reports)
    {
        if (reports.Count == 0 || reports.Any(static report => !report.IsConclusive))
        {
            Chatter.Say($"{path} is left as it is: a report is missing or inconclusive");
            return ExitCode.Inconclusive;
        }

        LeakReport all = ReportMerge.Merge(reports);
        Result.Write(BaselineWriter.Write(all), path);
        int sites = all.Leaks.DistinctBy(static group => group.Fingerprint).Count();
        Chatter.Say($"{path} accepts {sites} site(s) with {all.Totals.Leaked.Bytes} byte(s) in {all.Totals.Leaked.Blocks} block(s)");
        return ExitCode.Success;
    }

    private ProcessStartInfo CreateStart(ParseResult parsed, string folder)
    {
        string[] words = parsed.GetValue(_command)!;
        ProcessStartInfo start = new(words[0], words[1..]) { UseShellExecute = false };
        start.Environment[InjectionVariables.Hooks] = InjectionVariables.WithHook(
            Environment.GetEnvironmentVariable(InjectionVariables.Hooks), InjectFolder.Hook);
        start.Environment[InjectionVariables.Level] = _level.Level(parsed);
        foreach (string option in _level.Values(parsed))
        {
            string[] parts = option.Split('=', 2, StringSplitOptions.TrimEntries);
            string key = parts[0].Replace('-', '_').ToUpperInvariant();
            if (s_ownKeys.Contains(key, StringComparer.OrdinalIgnoreCase))
            {
                throw new ToolException(ExitCode.Usage, $"'{parts[0]}' is said by --output, --format and --fail-on");
            }

            start.Environment[Options.OptionTable.VariablePrefix + key] = parts[1];
        }

        start.Environment["NATIVELEAK_LOG_PATH"] = Path.Join(folder, "{time}-{pid}.json");
        start.Environment["NATIVELEAK_FORMAT"] = "json";
        start.Environment["NATIVELEAK_FAIL_ON"] = "none";
        if (_baseline.Path(parsed) is not null || _output.IsBaseline(parsed))
        {
            // A leak that is not listed can be neither accepted nor new.
            start.Environment["NATIVELEAK_MAX_LEAKS"] = "0";
            start.Environment.Remove("NATIVELEAK_BASELINE");
        }

        // Else `dotnet test` kills its test host 100 ms after the last test, amid its report.
        start.Environment.TryAdd("VSTEST_TESTHOST_SHUTDOWN_TIMEOUT", "30000");
        return start;
    }

    private static List<LeakReport> ReadAll(DirectoryInfo folder)
    {
        List<LeakReport> reports = [];
        foreach (FileInfo file in folder.GetFiles("*.json").OrderBy(static file => file.Name, StringComparer.Ordinal))
        {
            reports.Add(ReportReader.ReadFile(file.FullName));
        }

        // Scheduled scans and checkpoints leave files too: the last one of a process has it all.
        return
        [
            .. reports.GroupBy(static report => (report.Process.Id, report.Process.StartedAt))
                .Select(static ofOne => ofOne.MaxBy(static report => report.Process.ReportedAt)!)
                .OrderBy(static report => report.Process.ReportedAt),
        ];
    }

    private void Show(ParseResult parsed, IReadOnlyList<LeakReport> reports, AcceptedLeaks? baseline)
    {
        if (reports.Count > 0 && _output.Path(parsed) is not null)
        {
            _output.Write(parsed, BaselineOption.Mark(baseline, [ReportMerge.Merge(reports)])[0]);
            return;
        }

        using Stream error = Console.OpenStandardError();
        foreach (LeakReport report in reports)
        {
            if (report.HasLeaks || report.HasMisuse || !report.IsConclusive || _output.IsJson(parsed))
            {
                error.Write(_output.Render(parsed, report));
            }
        }
    }
}
