// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using System.Text;
using NativeLeak.Cli.Processes;
using NativeLeak.Cli.Terminals;
using NativeLeak.Control;
using NativeLeak.Reporting;

namespace NativeLeak.Cli.Verbs;

/// <summary>Sends one command to a watched process (kmemleak's).</summary>
internal sealed class ControlVerb : Verb
{
    private static readonly string[] s_names = ["scan", "clear", "stack", "dump", "who", "path", "sites", "status", "ping", "off"];
    private static readonly string[] s_completions =
        ["scan", "clear", "scan=on", "scan=off", "scan=", "stack=on", "stack=off", "dump=", "who=", "path=", "sites", "status", "ping", "off"];

    private readonly TargetOptions _target = new();
    private readonly Argument<string> _command = new("command") { Description = ControlRequest.Expected, HelpName = "command" };
    private readonly Option<string> _format = new("--format") { Description = "Form of the answer.", DefaultValueFactory = static _ => "text" };

    /// <inheritdoc/>
    public override string Name => "control";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples =>
        ["control -p 1234 scan", "control -p 1234 scan=60", "control -n app who=7f3a10002b40", "control -p 1234 off"];

    /// <inheritdoc/>
    public override Command CreateCommand()
    {
        Command command = new(Name, "Sends one command to a process that is watched: scan now; clear (today's leaks are told no more); scan=on|off|<seconds> "
            + "(scheduled scans); stack=on|off; dump=, who= or path=<address>; sites; status; ping; off (for good).");
        _target.AddTo(command);
        _format.AcceptOnlyFromAmong("text", "json");
        _command.CompletionSources.Add(s_completions);
        _command.Validators.Add(static result =>
        {
            string word = result.Tokens.Count == 1 ? result.Tokens[0].Value : string.Empty;
            if (!s_names.Contains(word.Split('=')[0].Trim(), StringComparer.OrdinalIgnoreCase) || word.Any(static c => c is < ' ' or > '~'))
            {
                result.AddError($"unknown command '{word}': {ControlRequest.Expected} is expected");
            }
        });
        command.Add(_format);
        command.Add(_command);
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        using ControlClient client = ControlClient.Connect(_target.Resolve(parsed));
        byte[] answer = client.Ask(
            new ControlRequest(parsed.GetValue(_command)!)
            {
                Parameters = new Dictionary<string, string> { ["format"] = parsed.GetValue(_format)! },
            },
            Chatter.Progress);
        Chatter.ClearProgress();
        IEnumerable<string> lines = Encoding.UTF8.GetString(answer).Split('\n').Select(TerminalText.Escape);
        Result.Write(string.Join('\n', lines), null);
        return ExitCode.Success;
    }
}
