// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: writes a report as text, in the order LeakSanitizer's users know: headline, leaks, what was seen,
// summary.
// Who calls it: ReportFile and LeakReport.ToText.
// The one idea: a scan with gaps says so first and never says that nothing leaked; the last line is always the summary.
using System.Globalization;
using System.Text;
using NativeLeak.Baselines;
using NativeLeak.Reporting.Formats;
using NativeLeak.Suppressing;

namespace NativeLeak.Reporting;

/// <summary>Writes text reports.</summary>
internal sealed class TextReportWriter
{
    private const string Rule = "=================================================================";

    private readonly StringBuilder _text = new();
    private readonly LeakReport _report;
    private readonly TextStyle _style;

    private TextReportWriter(LeakReport report, in TextStyle style) => (_report, _style) = (report, style);

    /// <summary>The report as text, ending with a line feed.</summary>
    public static string Write(LeakReport report, in TextStyle style)
    {
        TextReportWriter writer = new(report, style);
        writer.WriteHead();
        foreach (MisuseGroup misuse in report.Misuse)
        {
            writer.WriteMisuse(misuse);
        }

        foreach (LeakGroup group in report.Leaks)
        {
            writer.WriteGroup(group);
        }

        foreach (AllocatedGroup group in report.StillAllocated)
        {
            writer.WriteAllocated(group);
        }

        writer.WriteTail();
        return writer._text.ToString();
    }

    private bool IsCount => _report.Coverage.Mode == CountReport.Mode;

    /// <summary>The start of every line that is the tool's own.</summary>
    public static string Prefix(int processId)
        => string.Create(CultureInfo.InvariantCulture, $"=={processId}==NATIVELEAK: ");

    private void WriteHead()
    {
        ReportTotals totals = _report.Totals;
        Line(Rule);
        if (IsCount)
        {
            Own($"COUNT: {Total(totals.Live)} still allocated; whether they are in use or lost is not judged at level count");
        }
        else if (!_report.IsConclusive)
        {
            Own("INCONCLUSIVE: the scan had gaps (see the warnings below); it proves nothing by itself");
        }

        if (_report.HasLeaks)
        {
            Own("ERROR: detected native memory leaks");
        }
        else if (_report.IsConclusive)
        {
            string sampled = _report.Estimates is null ? string.Empty : " among sampled blocks";
            string reach = totals.Young.Blocks > 0 ? "reachable or too young to be judged" : "reachable";
            Own($"no leaks{sampled}: {Total(totals.Live)}, {reach}");
        }

        if (_report.HasMisuse)
        {
            Own("ERROR: detected misuse of native memory");
        }

        ReportedProcess process = _report.Process;
        Own($"{process.Name}, {process.Runtime}, {process.OperatingSystem}; {When(process.Reason)}");
        Line(string.Empty);
    }

    private string When(ReportReason reason) => reason switch
    {
        ReportReason.Exit => "at exit",
        ReportReason.Signal => "on a signal that ends the process",
        ReportReason.Checkpoint => "at a checkpoint",
        _ when _report.Check is { } check => $"in the check {check}",
        ReportReason.Scan => $"found by scheduled scan {_report.Scan.Number}",
        _ => "on request",
    };

    private void WriteGroup(LeakGroup group)
    {
        Line($"{group.Kind} leak of {Total(group.Total)} allocated by {group.Allocator}:");
        WriteStack(group.Stack);
        if (group.Tag is { } tag)
        {
            Line($"  tag: {tag}");
        }

        if (group.Estimate is { } estimate)
        {
            Line($"  these are samples; estimated in all: {LevelText.Estimate(estimate)}");
        }

        Line($"  why: {group.Evidence}");
        if (LeakEvidence.LastLine(group.LastHolder) is { } last)
        {
            Line("  " + last);
        }

        if (BaselineText.Line(group.Baseline) is { } baseline)
        {
            Line("  " + baseline);
        }

        if (group.Indirect.Blocks > 0)
        {
            Line($"  lost with it: {Total(group.Indirect)} that hang from it");
        }

        string ages = group.Total.Blocks == 1
            ? Seconds(group.FirstAge) + " old"
            : Seconds(group.LastAge) + " to " + Seconds(group.FirstAge) + " old";
        Line($"  {ages}; by {string.Join(", ", group.Threads)}; fingerprint {group.Fingerprint}");
        foreach (LeakSample sample in group.Samples.Take(_style.Verbosity >= 2 ? int.MaxValue : 1))
        {
            Line($"  block 0x{sample.Address:x}, {sample.ByteCount} byte(s), allocation {sample.Ordinal}"
                + Content(sample.Hex));
        }

        if (_style.GeneratesSuppressions && SuppressionGenerator.Write(group) is { } line)
        {
            Line("  to suppress it, add this line to the file that suppressions= names:");
            Line(line);
        }

        Line(string.Empty);
    }

    private void WriteAllocated(AllocatedGroup group)
    {
        Line($"Still allocated: {Total(group.Total)} allocated by {group.Allocator}:");
        WriteStack(group.Stack);
        Line($"  fingerprint {group.Fingerprint}");
        Line(string.Empty);
    }

    private void WriteMisuse(MisuseGroup misuse)
    {
        string what = misuse.Kind switch
        {
            MisuseKind.DoubleFree => "double free of",
            MisuseKind.MismatchedFree => "mismatched free of",
            MisuseKind.WriteAfterFree => "write after free to",
            _ => "invalid free of",
        };
        string times = misuse.Count == 1 ? string.Empty
            : string.Create(CultureInfo.InvariantCulture, $" ({misuse.Count} times)");
        string by = misuse.FreedWith is null ? string.Empty : $" by {misuse.FreedWith}";
        Own(string.Create(CultureInfo.InvariantCulture, $"{what} 0x{misuse.Address:x}{by}{times}:"));
        if (misuse.Kind != MisuseKind.WriteAfterFree)
        {
            WriteStack(misuse.Stack);
        }

        Line($"  why: {misuse.Explanation}");
        if (misuse.Kind is MisuseKind.DoubleFree or MisuseKind.WriteAfterFree)
        {
            Line("  freed before here:");
            WriteStack(misuse.FirstFreeStack);
        }

        if (misuse.AllocationStack.Count > 0)
        {
            Line($"  allocated here by {misuse.Allocator}:");
            WriteStack(misuse.AllocationStack);
        }

        Line(string.Empty);
    }

    private void WriteStack(IReadOnlyList<LeakFrame> stack)
    {
        if (stack.Count == 0)
        {
            Line("    (call stack not known)");
            return;
        }

        bool isFolded = _style.Verbosity == 0 && stack.Any(static frame => !frame.IsFramework);
        int number = 0;
        foreach (LeakFrame frame in stack)
        {
            if (!isFolded || !frame.IsFramework)
            {
                Line($"    #{number++} at {LeakPlace.Write(frame)}");
            }
        }

        if (isFolded && number < stack.Count)
        {
            LeakFrame? news = stack.TakeWhile(static frame => frame.IsFramework).FirstOrDefault(IsNews);
            string nearest = news is null ? string.Empty : ", the innermost " + news.Method;
            Line($"    ({stack.Count - number} framework frame(s) folded{nearest})");
        }
    }

    // The allocating API itself is in the headline: the framework method that called it is the news.
    private static bool IsNews(LeakFrame frame)
        => !frame.Method.StartsWith("System.Runtime.InteropServices.Marshal.", StringComparison.Ordinal)
        && !frame.Method.StartsWith("System.Runtime.InteropServices.NativeMemory.", StringComparison.Ordinal)
        && !frame.Method.StartsWith("Interop.", StringComparison.Ordinal);

    private void WriteTail()
    {
        ReportTotals totals = _report.Totals;
        ReportCoverage coverage = _report.Coverage;
        foreach (string warning in coverage.Warnings)
        {
            Own("WARNING: " + warning);
        }

        if (!IsCount)
        {
            WriteCoverage(totals, coverage);
            foreach (string line in HeldFacts.Lines(_report))
            {
                Own(line);
            }
        }

        if (_style.PrintsSuppressions)
        {
            WriteSuppressions();
        }

        if (_report.Baseline is { } baseline)
        {
            Own(BaselineText.Line(baseline));
        }

        foreach (string line in LevelText.Tracker(_report))
        {
            Own(line);
        }

        Own($"allocations seen: {coverage.Tier}{Unseen(coverage.Unseen)}");
        if (_report.HasLeaks)
        {
            string unfold = _style.Verbosity == 0 ? "NATIVELEAK_VERBOSITY=1 unfolds framework frames, " : string.Empty;
            Own($"more: {unfold}NATIVELEAK_FORMAT=json gives everything, NATIVELEAK_OPTIONS=help=1 lists all options");
        }

        Line(string.Empty);
        Line(IsCount
            ? $"SUMMARY: NativeLeak: {Total(totals.Live)} still allocated; leaks are not judged at level count."
            : $"SUMMARY: NativeLeak: {totals.Leaked.Bytes} byte(s) leaked in {totals.Leaked.Blocks} block(s) "
                + $"(definite {Total(totals.Definite)}, indirect {Total(totals.Indirect)}, "
                + $"possible {Total(totals.Possible)}).");
    }

    private void WriteCoverage(ReportTotals totals, ReportCoverage coverage)
    {
        Own($"live {Total(totals.Live)}: reachable {Total(totals.Reachable)}, young {Total(totals.Young)}, "
            + $"ignored {Total(totals.Ignored)}");
        if (totals.Unconfirmed.Blocks > 0)
        {
            Own($"seen unreachable, not confirmed yet: {Total(totals.Unconfirmed)}");
        }

        string looks = coverage.Looks == 1 && coverage.IsAtRest ? string.Empty
            : $" in {coverage.Looks} look(s)" + (coverage.IsAtRest ? ", the last at rest" : string.Empty);
        Own($"coverage: {coverage.Mode}{looks}, managed heap {coverage.ManagedHeap}"
            + (coverage.ManagedHeapReason.Length > 0 ? $" ({coverage.ManagedHeapReason}), " : ", ")
            + $"{coverage.ThreadsParked} of {coverage.ThreadsFound} threads stopped, "
            + $"{coverage.RootBytes} bytes of roots and {coverage.BlockBytes} bytes of blocks read, "
            + $"{coverage.UnreadableBytes} unreadable");
    }

    private void WriteSuppressions()
    {
        IEnumerable<SuppressionTotal> used = _report.Suppressions.Where(static suppression => suppression.Hidden.Blocks > 0);
        foreach (SuppressionTotal suppression in used)
        {
            Own($"suppressed {Total(suppression.Hidden)} by {suppression.Name} ({suppression.Source})");
        }

        foreach (SuppressionTotal suppression in _style.Verbosity == 0 ? [] : _report.Suppressions.Except(used))
        {
            Own($"suppression without a leak: {suppression.Name} ({suppression.Source})");
        }
    }

    private static string Unseen(IReadOnlyList<string> unseen)
        => unseen.Count == 0 ? string.Empty : "; not seen: " + string.Join("; ", unseen);

    private static string Total(BlockTotal total)
        => string.Create(CultureInfo.InvariantCulture, $"{total.Bytes} byte(s) in {total.Blocks} block(s)");

    private static string Seconds(TimeSpan age)
        => string.Create(CultureInfo.InvariantCulture, $"{age.TotalSeconds:0.0} s");

    // 48656c6c6f → ", content 48 65 6c 6c 6f |Hello|".
    private static string Content(string hex)
    {
        if (hex.Length == 0)
        {
            return string.Empty;
        }

        byte[] bytes = Convert.FromHexString(hex);
        string ascii = string.Concat(bytes.Select(static value => value is >= 0x20 and < 0x7F ? (char)value : '.'));
        IEnumerable<string> pairs = hex.Chunk(2).Select(static pair => new string(pair));
        return ", content " + string.Join(' ', pairs) + " |" + ascii + "|";
    }

    private void Own(string text) => Line(Prefix(_report.Process.Id) + text);

    private void Line(string text) => _text.Append(TerminalText.Escape(text)).Append('\n');
}
