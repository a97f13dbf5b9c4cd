// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what each command does (kmemleak's, and a few more).
// Who calls it: ControlServer, on its thread.
// The one idea: nothing here scans or waits: scans are requests to the scanner thread, as everybody's are.
using System.Globalization;
using System.Text;
using NativeLeak.Options;
using NativeLeak.Questions;
using NativeLeak.Reporting;
using NativeLeak.Scheduling;

namespace NativeLeak.Control;

/// <summary>Executes commands on a detector. Used by one thread.</summary>
internal sealed class ControlCommands(DetectorSession session)
{
    private const double LongestSeconds = 10 * 365.0 * 24 * 3600;

    /// <summary>Executes one. Never throws for what a client can send.</summary>
    public ControlReply Execute(ControlRequest request)
    {
        string[] parts = request.Command.Split('=', 2, StringSplitOptions.TrimEntries);
        string name = parts[0].ToLowerInvariant();
        return (name, parts.Length > 1 ? parts[1] : null) switch
        {
            ("ping", null) => Say("pong"),
            ("status", null) => ControlReply.Of(ControlStatus.Write(session, request.WantsJson)),
            ("scan", null) => Scan(request, static report => report),
            ("clear", null) => Scan(request, static report => report with { TakesBaseline = true }),
            ("sites", null) => Scan(request, static report => report with { CountsOnly = true }),
            ("scan", { } value) => Schedule(value),
            ("stack", { } value) => ReadStacks(value),
            ("dump" or "who" or "path", not null) => Ask(request),
            ("off", null) => Stop(),
            _ => ControlReply.Refuse($"unknown command '{request.Command}': {ControlRequest.Expected} is expected"),
        };
    }

    private static ControlReply Say(string sentence) => ControlReply.Of(Encoding.UTF8.GetBytes(sentence + "\n"));

    private static ControlReply Stop() => ControlReply.OfStop("the detector is stopped\n"u8.ToArray());

    private ControlReply Scan(ControlRequest request, Func<ReportRequest, ReportRequest> change)
    {
        TimeSpan minimumAge = session.Options.MinimumAge;
        int maximumGroups = session.Options.MaximumLeaks;
        int verbosity = session.Options.Verbosity;
        foreach ((string key, string value) in request.Parameters)
        {
            bool isRead = key switch
            {
                "min_age" => OptionText.TryParseDuration(value, out minimumAge),
                "max_leaks" => TryParse(value, int.MaxValue, out maximumGroups),
                "verbosity" => TryParse(value, 2, out verbosity),
                _ => value is "text" or "json",
            };
            if (!isRead)
            {
                return ControlReply.Refuse($"bad value '{value}' for '{key}'");
            }
        }

        ReportRequest report = change(session.CreateRequest(ReportReason.Api, minimumAge)) with { MaximumGroups = maximumGroups };
        bool wantsJson = request.WantsJson;
        return Await(report, result => (wantsJson
            ? JsonReportWriter.Write(result)
            : Encoding.UTF8.GetBytes(result.ToText(verbosity)), null));
    }

    private ControlReply Schedule(string value)
    {
        TimeSpan interval;
        if (OptionText.TryParseBoolean(value, out bool isOn) && value is not ("0" or "1"))
        {
            interval = !isOn ? TimeSpan.Zero
                : session.ScanInterval > TimeSpan.Zero ? session.ScanInterval
                : session.Options.ScanInterval > TimeSpan.Zero ? session.Options.ScanInterval
                : (TimeSpan)OptionTable.Get(OptionKey.ScanInterval).Default;
        }
        else if (double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds)
            && seconds is >= 0 and <= LongestSeconds)
        {
            interval = TimeSpan.FromSeconds(seconds);
        }
        else
        {
            return ControlReply.Refuse($"bad value '{value}' for 'scan': on, off or seconds are expected");
        }

        if (!session.Judges && interval > TimeSpan.Zero)
        {
            return ControlReply.Refuse("at level count no scan is made");
        }

        session.ScheduleScans(interval);
        return Say(interval == TimeSpan.Zero
            ? "scheduled scans are off"
            : string.Create(CultureInfo.InvariantCulture, $"a scan every {interval.TotalSeconds} s, the first in {interval.TotalSeconds} s"));
    }

    private ControlReply ReadStacks(string value)
    {
        if (!OptionText.TryParseBoolean(value, out bool isOn))
        {
            return ControlReply.Refuse($"bad value '{value}' for 'stack': on or off is expected");
        }

        session.ReadsStacks = isOn;
        return Say(isOn ? "scans read stacks and registers" : "scans do not read stacks and registers");
    }

    private ControlReply Ask(ControlRequest request)
    {
        if (!Question.TryParse(request.Command, out Question question, out string error))
        {
            return ControlReply.Refuse(error);
        }

        if (!session.Judges)
        {
            return ControlReply.Refuse("no answer: at level count no scan is made");
        }

        ReportRequest report = session.CreateRequest(ReportReason.Api, session.Options.MinimumAge);
        report = report with { Parameters = report.Parameters with { Question = question } };
        bool wantsJson = request.WantsJson;
        return Await(report, result =>
        {
            LeakAnswer? answer = result.Answer;
            return answer is null ? (null, string.Join("; ", result.Coverage.Warnings))
                : answer.Error is { } why ? (null, why)
                : (wantsJson ? AnswerJson.Write(answer) : Encoding.UTF8.GetBytes(answer.Text), null);
        });
    }

    private ControlReply Await(in ReportRequest report, Func<LeakReport, (byte[]? Result, string? Error)> render)
    {
        CancellationTokenSource cancellation = new();
        return ControlReply.Await(session.Enqueue(report, cancellation.Token), cancellation, render);
    }

    private static bool TryParse(string text, int maximum, out int value)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= maximum;
}
