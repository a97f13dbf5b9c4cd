// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the command line: verbs, help with examples, errors and exit codes.
// Who calls it: Program.
// The one idea: whatever is written there, the tool ends with one of its exit codes and a sentence, never with a stack trace;
// standard output holds results only.
using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using NativeLeak.Cli.Terminals;
using NativeLeak.Cli.Verbs;

namespace NativeLeak.Cli;

/// <summary>The tool's command line.</summary>
internal static class CommandLine
{
    private const string Hint = "completion of verbs and options in your shell: dotnet-suggest knows this tool (the directive [suggest])";

    /// <summary>Every verb, in the order of the help.</summary>
    public static IReadOnlyList<Verb> Verbs { get; } =
    [
        new RunVerb(), new AttachVerb(), new ScanVerb(), new ControlVerb(), new MonitorVerb(), new ReportVerb(), new DiffVerb(),
        new MergeVerb(), new PsVerb(), new EnvVerb(), new DoctorVerb(),
    ];

    /// <summary>Runs the tool.</summary>
    /// <returns>Its exit code.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        try
        {
            if (arguments.TakeWhile(static word => word.StartsWith('[')).Count() > 1)
            {
                throw new ToolException(ExitCode.Usage, "of the directives in brackets at most one is possible");
            }

            // No response files: a command after -- may have words that start with @.
            ParseResult parsed = CreateRoot().Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (parsed.Action is ParseErrorAction || (parsed.Errors.Count > 0 && parsed.Action is null))
            {
                return Refuse(parsed);
            }

            InvocationConfiguration configuration = new() { EnableDefaultExceptionHandler = false };
            if (parsed.CommandResult.Command.Name == RunVerb.VerbName)
            {
                configuration.ProcessTerminationTimeout = null; // signals are the command's to answer
            }

            return await parsed.InvokeAsync(configuration).ConfigureAwait(false);
        }
        catch (ToolException problem)
        {
            Chatter.Say(problem.Message);
            return problem.ExitCode;
        }
        catch (OperationCanceledException)
        {
            return ExitCode.ToolFailed;
        }
        catch (Exception problem)
        {
            // The border of the tool: a sentence, not a stack trace.
            Chatter.Say($"this did not go as it should: {problem.GetType().Name}: {problem.Message}");
            return ExitCode.ToolFailed;
        }
    }

    /// <summary>The root command, with every verb.</summary>
    public static RootCommand CreateRoot()
    {
        RootCommand root = new("Finds unmanaged memory that a .NET program has lost.");
        foreach (Verb verb in Verbs)
        {
            root.Add(verb.CreateCommand());
        }

        foreach (Option option in root.Options)
        {
            if (option is HelpOption { Action: HelpAction help })
            {
                option.Action = new HelpWithExamples(help);
            }
        }

        return root;
    }

    private static int Refuse(ParseResult parsed)
    {
        foreach (string error in parsed.Errors.Select(static error => error.Message).Distinct())
        {
            Chatter.Say(error);
        }

        string verb = parsed.CommandResult.Command is RootCommand ? string.Empty : parsed.CommandResult.Command.Name + " ";
        Chatter.Say($"dotnet nativeleak {verb}--help tells how it is used");
        return ExitCode.Usage;
    }

    private sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            int exitCode = help.Invoke(parseResult);
            TextWriter output = parseResult.InvocationConfiguration.Output;
            Verb? verb = Verbs.FirstOrDefault(verb => verb.Name == parseResult.CommandResult.Command.Name);
            IEnumerable<string> examples = verb?.Examples ?? ["run -- dotnet app.dll", "attach -n app", "scan -n app", "run --help"];
            output.WriteLine("Examples:");
            foreach (string example in examples)
            {
                output.WriteLine("  dotnet nativeleak " + example);
            }

            output.WriteLine();
            output.WriteLine(verb is null
                ? "Exit codes: 0 well; 23 leaks; 2 wrong usage; 3 inconclusive where a verdict was asked for; 125 the tool failed;\n"
                    + $"  126 and 127 the command could not be started; else the command's own.\n{Hint}"
                : verb.ExitCodes);
            return exitCode;
        }
    }
}
