// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the verb monitor: the sites with the most memory, again and again.
// The one idea: nothing is judged and nobody stopped: the process counts its records, the tool compares with the count before.
using System.CommandLine;
using System.Globalization;
using NativeLeak.Cli.Processes;
using NativeLeak.Cli.Reports;
using NativeLeak.Cli.Terminals;
using NativeLeak.Control;
using NativeLeak.Reporting;
using Spectre.Console;

namespace NativeLeak.Cli.Verbs;

/// <summary>Shows a live table of the top sites.</summary>
internal sealed class MonitorVerb : Verb
{
    private readonly TargetOptions _target = new();
    private readonly Option<double> _interval = new("--refresh-interval")
    {
        Description = "Seconds between two counts.", DefaultValueFactory = static _ => 1,
    };

    private readonly Option<int> _count = new("--count") { Description = "How often; 0: until Ctrl+C, or the process ends.", DefaultValueFactory = static _ => 0 };
    private readonly Option<int> _top = new("--top") { Description = "How many sites.", DefaultValueFactory = static _ => 20 };

    /// <inheritdoc/>
    public override string Name => "monitor";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples => ["monitor -p 1234", "monitor -n app --refresh-interval 5 --top 10", "monitor -p 1234 --count 3 > counts.txt"];

    /// <inheritdoc/>
    public override Command CreateCommand()
    {
        Command command = new(Name, "Shows which lines of a watched process hold the most memory, and how that changes. Nothing is judged: scan does that.");
        _target.AddTo(command);
        Bound(_interval, 0.1, 86_400);
        Bound(_count, 0, int.MaxValue);
        Bound(_top, 1, 1000);
        command.Add(_interval);
        command.Add(_count);
        command.Add(_top);
        command.SetAction(RunAsync);
        return command;
    }

    private static void Bound<T>(Option<T> option, double least, double most) => option.Validators.Add(result =>
    {
        if (result.Tokens.Count == 1
            && (!double.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out double value) || !(value >= least && value <= most)))
        {
            result.AddError(FormattableString.Invariant($"{option.Name} is a number from {least} to {most}"));
        }
    });

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        int processId = _target.Resolve(parsed);
        using ControlClient client = ControlClient.Connect(processId);
        if (Console.IsOutputRedirected)
        {
            await RepeatAsync(parsed, client, processId, static view => Result.Write(view.ToText() + "\n", null), cancellation).ConfigureAwait(false);
            return ExitCode.Success;
        }

        await AnsiConsole.Live(new Table()).StartAsync(context => RepeatAsync(
            parsed, client, processId, view => context.UpdateTarget(Draw(view)), cancellation)).ConfigureAwait(false);
        return ExitCode.Success;
    }

    private async Task RepeatAsync(
        ParseResult parsed, ControlClient client, int processId, Action<SiteView> show, CancellationToken cancellation)
    {
        int top = parsed.GetValue(_top), count = parsed.GetValue(_count);
        ControlRequest request = new("sites")
        {
            Parameters = new Dictionary<string, string> { ["format"] = "json", ["max_leaks"] = "0" },
        };
        SiteView? before = null;
        for (int i = 0; (count == 0 || i < count) && !cancellation.IsCancellationRequested; i++)
        {
            if (i > 0)
            {
                await Task.Delay(TimeSpan.FromSeconds(parsed.GetValue(_interval)), cancellation)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            if (cancellation.IsCancellationRequested)
            {
                return;
            }

            SiteView now = new(ReportReader.Read(client.Ask(request), $"process {processId}"), before, top);
            show(now);
            before = now;
        }
    }

    // Names come from the process: no markup of theirs counts.
    private static Table Draw(SiteView view)
    {
        Table table = new Table().Border(TableBorder.Simple).Title(Markup.Escape(TerminalText.Escape(view.Title)));
        table.AddColumn(new TableColumn("bytes").RightAligned());
        table.AddColumn(new TableColumn("change").RightAligned());
        table.AddColumn(new TableColumn("blocks").RightAligned());
        table.AddColumn("allocated at");
        foreach (SiteRow row in view.Rows)
        {
            string colour = row.Change > 0 ? "red" : row.Change < 0 ? "green" : "default";
            table.AddRow(
                row.Total.Bytes.ToString(CultureInfo.InvariantCulture),
                $"[{colour}]{SiteView.Signed(row.Change)}[/]",
                row.Total.Blocks.ToString(CultureInfo.InvariantCulture),
                Markup.Escape(TerminalText.Escape(row.Place)));
        }

        return table;
    }
}
