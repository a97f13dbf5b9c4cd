// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a report as workflow commands of GitHub Actions: annotations at the lines that allocate.
// Who calls it: ReportWriter.
// The one idea: a command is one line, and whatever comes from the application is escaped: it must not write commands.
using System.Globalization;
using System.Text;

namespace NativeLeak.Reporting.Formats;

/// <summary>Writes GitHub annotations.</summary>
internal static class GitHubWriter
{
    /// <summary>The report as lines, the last one the summary.</summary>
    public static string Write(LeakReport report)
    {
        StringBuilder text = new();
        string folder = Environment.GetEnvironmentVariable("GITHUB_WORKSPACE") is { Length: > 0 } workspace
            ? workspace
            : Environment.CurrentDirectory;
        foreach (LeakGroup group in report.Leaks)
        {
            // What the baseline has is no news for whoever reads a change.
            string level = group.Baseline is { State: BaselineState.Known } ? "notice"
                : group.Kind switch { LeakKind.Definite => "error", LeakKind.Possible => "warning", _ => "notice" };
            text.Append("::").Append(level).Append(' ');
            if (LeakPlace.Of(group.Stack) is { } place)
            {
                text.Append("file=").Append(Property(LeakPlace.Relative(place.File!, folder))).Append(",line=")
                    .Append(place.Line.ToString(CultureInfo.InvariantCulture)).Append(',');
            }

            text.Append("title=").Append(Property($"NativeLeak: {group.Kind} leak")).Append("::")
                .Append(Data(LeakPlace.Describe(group) + "\n" + group.Evidence + Stack(group))).Append('\n');
        }

        foreach (MisuseGroup misuse in report.Misuse)
        {
            LeakFrame? place = LeakPlace.UsersWithLine(misuse.Stack);
            string where = place is null ? string.Empty : string.Create(CultureInfo.InvariantCulture,
                $"file={Property(LeakPlace.Relative(place.File!, folder))},line={place.Line},");
            text.Append("::error ").Append(where).Append("title=NativeLeak%3A misuse of native memory::").Append(Data(misuse.Explanation)).Append('\n');
        }

        if (!report.IsConclusive)
        {
            text.Append("::warning title=NativeLeak::").Append(Data("the scan had gaps, it proves nothing by itself: "
                + string.Join("; ", report.Coverage.Warnings))).Append('\n');
        }

        BlockTotal leaked = report.Totals.Leaked;
        return text.Append(CultureInfo.InvariantCulture, $"NativeLeak: {leaked.Bytes} byte(s) leaked in {leaked.Blocks} block(s)\n").ToString();
    }

    private static string Stack(LeakGroup group) => string.Concat(
        group.Stack.Where(static frame => !frame.IsFramework).Select(static frame => "\nat " + LeakPlace.Write(frame)));

    // As the toolkit of GitHub Actions escapes them.
    private static string Data(string text) => text.Replace("%", "%25", StringComparison.Ordinal)
        .Replace("\r", "%0D", StringComparison.Ordinal).Replace("\n", "%0A", StringComparison.Ordinal);

    private static string Property(string text) => Data(text).Replace(":", "%3A", StringComparison.Ordinal)
        .Replace(",", "%2C", StringComparison.Ordinal);
}
