// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Reporting.Formats;

namespace NativeLeak.Reporting;

/// <summary>Decides what is written where: a file always gets the report; stderr gets it only when there is something
/// to tell (LeakSanitizer's habit), or when verbosity asks for it.</summary>
internal static class ReportOutput
{
    /// <summary>Writes a report as the options say. Never throws.</summary>
    public static void Write(LeakReport report, LeakDetectorOptions options)
    {
        if (!ReportPath.IsStandardError(options.LogPath))
        {
            ReportedProcess process = report.Process;
            string path = ReportPath.Expand(options.LogPath, process.Name, process.Id, process.ReportedAt);
            ReportFile.Write(path, Render(report, options));
        }
        else if (report.HasLeaks || report.HasMisuse || !report.IsConclusive || options.Verbosity > 0)
        {
            ReportFile.WriteToStandardError(Render(report, options));
        }
    }

    private static byte[] Render(LeakReport report, LeakDetectorOptions options) => ReportWriter.Write(
        report, options.Format, new TextStyle(options.Verbosity, options.PrintsSuppressions, options.GeneratesSuppressions));
}
