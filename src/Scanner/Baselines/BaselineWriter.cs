// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: writes the leaks of a report as a baseline: a file to be kept with the sources.
// Who calls it: ReportWriter, for the format "baseline".
// The one idea: two runs of the same program give the same file but for what changed: no addresses, no times, sorted by place, so that
// a review shows which leak was accepted.
using System.Buffers;
using System.Text.Json;
using NativeLeak.Reporting;
using NativeLeak.Reporting.Formats;

namespace NativeLeak.Baselines;

/// <summary>Writes baselines.</summary>
internal static class BaselineWriter
{
    /// <summary>The leaks that a report lists, as UTF-8 without a byte order mark.</summary>
    public static byte[] Write(LeakReport report)
    {
        ArrayBufferWriter<byte> buffer = new(4 * 1024);
        using (Utf8JsonWriter json = new(buffer, JsonReportWriter.Style))
        {
            json.WriteStartObject();
            json.WriteString("schema", BaselineFile.Schema);
            json.WriteStartArray("leaks");
            foreach ((string fingerprint, string method, string allocator, BlockTotal total) in Sites(report))
            {
                json.WriteStartObject();
                json.WriteString("fingerprint", fingerprint);
                json.WriteString("method", method);
                json.WriteString("allocator", allocator);
                json.WriteNumber("blocks", total.Blocks);
                json.WriteNumber("bytes", total.Bytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    // The method without its line, which changes with every edit above it.
    private static IEnumerable<(string Fingerprint, string Method, string Allocator, BlockTotal Total)> Sites(LeakReport report) => report.Leaks
        .GroupBy(static group => group.Fingerprint, StringComparer.Ordinal)
        .Select(static site => (
            Fingerprint: site.Key,
            Method: LeakPlace.Innermost(site.First().Stack)?.Method ?? "unknown",
            site.First().Allocator,
            Total: site.Aggregate(default(BlockTotal), static (sum, group) => sum + group.Total)))
        .OrderBy(static site => site.Method, StringComparer.Ordinal).ThenBy(static site => site.Fingerprint, StringComparer.Ordinal);
}
