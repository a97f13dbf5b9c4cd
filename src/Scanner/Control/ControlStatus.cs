// Licensed under the MIT License. See LICENSE in the repository root.
using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using NativeLeak.Reporting;
using NativeLeak.Scheduling;

namespace NativeLeak.Control;

/// <summary>The answer to the command <c>status</c>: what the detector does, without a scan.</summary>
internal static class ControlStatus
{
    /// <summary>As text, one <c>key: value</c> a line, or as JSON, schema <c>nativeleak.status/1</c>.</summary>
    public static byte[] Write(DetectorSession session, bool asJson)
    {
        (string Key, object Value)[] facts = [.. Facts(session)];
        if (!asJson)
        {
            StringBuilder text = new();
            foreach ((string key, object value) in facts)
            {
                text.Append(key).Append(": ")
                    .Append(TerminalText.Escape(Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty)).Append('\n');
            }

            return Encoding.UTF8.GetBytes(text.ToString());
        }

        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("schema", "nativeleak.status/1");
            foreach ((string key, object value) in facts)
            {
                switch (value)
                {
                    case long number: json.WriteNumber(key, number); break;
                    case double number: json.WriteNumber(key, number); break;
                    case bool flag: json.WriteBoolean(key, flag); break;
                    default: json.WriteString(key, (string)value); break;
                }
            }

            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static IEnumerable<(string Key, object Value)> Facts(DetectorSession session)
    {
        ReportedProcess process = ProcessFacts.Describe(ReportReason.Api);
        ReportedTracker tracker = session.Facts.Tracker;
        yield return ("version", JsonReportWriter.ToolVersion);
        yield return ("protocol", (long)ControlFrame.Version);
        yield return ("pid", (long)process.Id);
        yield return ("name", process.Name);
        yield return ("runtime", process.Runtime);
        yield return ("level", LevelText.Name(tracker.Level));
        yield return ("tier", session.Facts.Tier);
        yield return ("unseen", string.Join("; ", session.Facts.Unseen));
        yield return ("recordedBlocks", tracker.RecordedBlocks);
        yield return ("freedBlocks", tracker.FreedBlocks);
        yield return ("missedBlocks", tracker.MissedBlocks);
        yield return ("memoryBytes", tracker.MemoryBytes);
        yield return ("scanIntervalSeconds", session.ScanInterval.TotalSeconds);
        yield return ("readsStacks", session.ReadsStacks);
        yield return ("logPath", session.Options.LogPath);
    }
}
