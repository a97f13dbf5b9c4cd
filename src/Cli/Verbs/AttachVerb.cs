// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using System.Text;
using NativeLeak.Cli.Processes;
using NativeLeak.Cli.Terminals;
using NativeLeak.Control;

namespace NativeLeak.Cli.Verbs;

/// <summary>Starts the detector in a running process.</summary>
internal sealed class AttachVerb : Verb
{
    // Nobody asked the program for output: it gives none, unless a file for it is named.
    private static readonly string[] s_quiet = ["report_at=none", "first_scan=off"];

    private readonly TargetOptions _target = new();
    private readonly LevelOptions _level = new();

    /// <inheritdoc/>
    public override string Name => "attach";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples =>
        ["attach -p 1234", "attach -n app --level sample", "attach -p 1234 --option log_path=/var/log/leaks-{pid}.txt --option scan_interval=5m"];

    /// <inheritdoc/>
    public override Command CreateCommand()
    {
        Command command = new(Name, "Starts the detector in a running process: blocks allocated from then on are recorded. "
            + "Without --option log_path=FILE the process writes no reports by itself: scan asks for them.");
        _target.AddTo(command);
        _level.AddTo(command);
        command.SetAction((parsed, _) => RunAsync(parsed));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed)
    {
        int processId = _target.Resolve(parsed);
        IReadOnlyList<string> options = _level.Values(parsed);
        if (options.Any(static option => option.Replace(" ", "", StringComparison.Ordinal).StartsWith("control=", StringComparison.OrdinalIgnoreCase)))
        {
            throw new ToolException(ExitCode.Usage, "attach needs the control channel: the option control is not for it");
        }

        ControlClient? client = ControlClient.TryConnect(processId, out _);
        bool isNew = client is null;
        bool hasFile = options.Any(static option => option.StartsWith("log_path", StringComparison.OrdinalIgnoreCase));
        client ??= await Attachment.RunAsync(
            processId, _level.Level(parsed), string.Join(',', (hasFile ? [] : s_quiet).Concat(options))).ConfigureAwait(false);
        using (client)
        {
            Dictionary<string, string> status = Parse(client.Ask(new ControlRequest("status")));
            Result.Write(
                $"{(isNew ? "attached to" : "already watched:")} process {processId} ({status.GetValueOrDefault("name")}), "
                + $"level {status.GetValueOrDefault("level")}\n"
                + $"seen: {status.GetValueOrDefault("tier")}; not seen: {status.GetValueOrDefault("unseen")}\n", null);
        }

        return ExitCode.Success;
    }

    private static Dictionary<string, string> Parse(byte[] status) => Encoding.UTF8.GetString(status)
        .Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(static line => line.Split(": ", 2))
        .Where(static parts => parts.Length == 2)
        .ToDictionary(static parts => parts[0], static parts => Reporting.TerminalText.Escape(parts[1]));
}
