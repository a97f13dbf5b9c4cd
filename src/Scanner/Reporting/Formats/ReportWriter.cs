// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text;
using NativeLeak.Baselines;

namespace NativeLeak.Reporting.Formats;

/// <summary>Writes a report in any form that needs nothing but this library. The one place that knows them all.</summary>
internal static class ReportWriter
{
    /// <summary>The report as UTF-8 without a byte order mark.</summary>
    /// <param name="report">The report.</param>
    /// <param name="format">The form.</param>
    /// <param name="text">How a text is written; ignored for the others.</param>
    public static byte[] Write(LeakReport report, ReportFormat format, in TextStyle text) => format switch
    {
        ReportFormat.Json => JsonReportWriter.Write(report),
        ReportFormat.Sarif => SarifWriter.Write(report),
        ReportFormat.GitHub => Encoding.UTF8.GetBytes(GitHubWriter.Write(report)),
        ReportFormat.JUnit => JUnitWriter.Write(report),
        ReportFormat.Folded => Encoding.UTF8.GetBytes(FoldedWriter.Write(report)),
        ReportFormat.Baseline => BaselineWriter.Write(report),
        ReportFormat.Speedscope => SpeedscopeWriter.Write(report),
        _ => Encoding.UTF8.GetBytes(TextReportWriter.Write(report, text)),
    };
}
