// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a report as a profile of speedscope (https://www.speedscope.app/file-format-schema.json).
// Who calls it: ReportWriter.
// The one idea: one sampled profile per kind, whose weights are bytes: its flame graph is that of the memory that is lost.
using System.Buffers;
using System.Text.Json;

namespace NativeLeak.Reporting.Formats;

/// <summary>Writes speedscope's JSON.</summary>
internal static class SpeedscopeWriter
{
    private const string SchemaAddress = "https://www.speedscope.app/file-format-schema.json";

    /// <summary>The report as a profile.</summary>
    public static byte[] Write(LeakReport report)
    {
        Dictionary<LeakFrame, int> frames = [];
        ArrayBufferWriter<byte> buffer = new(16 * 1024);
        using (Utf8JsonWriter json = new(buffer, JsonReportWriter.Style))
        {
            json.WriteStartObject();
            json.WriteString("$schema", SchemaAddress);
            json.WriteString("name", $"NativeLeak: {report.Process.Name}");
            json.WriteString("exporter", "NativeLeak " + JsonReportWriter.ToolVersion);
            json.WriteStartArray("profiles");
            IGrouping<LeakKind, LeakGroup>[] kinds = [.. report.Leaks.GroupBy(static group => group.Kind)];
            foreach (IGrouping<LeakKind, LeakGroup> kind in kinds)
            {
                WriteProfile(json, kind.Key.ToString(), [.. kind], frames);
            }

            if (kinds.Length == 0)
            {
                WriteProfile(json, "nothing is lost", [], frames); // a file without a profile cannot be opened
            }

            json.WriteEndArray();
            json.WriteStartObject("shared");
            json.WriteStartArray("frames");
            foreach (LeakFrame frame in frames.OrderBy(static pair => pair.Value).Select(static pair => pair.Key))
            {
                WriteFrame(json, frame);
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteProfile(Utf8JsonWriter json, string name, LeakGroup[] groups, Dictionary<LeakFrame, int> frames)
    {
        json.WriteStartObject();
        json.WriteString("type", "sampled");
        json.WriteString("name", name);
        json.WriteString("unit", "bytes");
        json.WriteNumber("startValue", 0);
        json.WriteNumber("endValue", groups.Sum(static group => group.Total.Bytes));
        json.WriteStartArray("samples");
        foreach (LeakGroup group in groups)
        {
            json.WriteStartArray();
            foreach (LeakFrame frame in group.Stack.Reverse())
            {
                json.WriteNumberValue(Index(frame, frames));
            }

            json.WriteNumberValue(Index(new LeakFrame(group.Allocator, null, null, 0, false, true), frames));
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteStartArray("weights");
        foreach (LeakGroup group in groups)
        {
            json.WriteNumberValue(group.Total.Bytes);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static int Index(LeakFrame frame, Dictionary<LeakFrame, int> frames)
    {
        if (!frames.TryGetValue(frame, out int index))
        {
            index = frames.Count;
            frames.Add(frame, index);
        }

        return index;
    }

    private static void WriteFrame(Utf8JsonWriter json, LeakFrame frame)
    {
        json.WriteStartObject();
        json.WriteString("name", frame.Method);
        if (frame.File is not null)
        {
            json.WriteString("file", frame.File);
            json.WriteNumber("line", Math.Max(1, frame.Line));
        }

        json.WriteEndObject();
    }
}
