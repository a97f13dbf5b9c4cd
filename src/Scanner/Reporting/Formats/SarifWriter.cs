// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a report as SARIF 2.1.0, which code scanning services read.
// Who calls it: ReportWriter.
// The one idea: every result has a location, for services drop those without: a leak whose path has no line is shown at the
// assembly that allocated.
using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace NativeLeak.Reporting.Formats;

/// <summary>Writes SARIF.</summary>
internal static class SarifWriter
{
    private const string SchemaAddress = "https://json.schemastore.org/sarif-2.1.0.json";

    private static readonly (LeakKind Kind, string Id, string Level, string Text)[] s_rules =
    [
        (LeakKind.Definite, "native-leak/definite", "error", "Nothing points to the block any more."),
        (LeakKind.Indirect, "native-leak/indirect", "note", "Only lost blocks point to the block: it goes away with them."),
        (LeakKind.Possible, "native-leak/possible", "warning", "No pointer to the start of the block was found, only one to its inside."),
    ];

    /// <summary>The report as SARIF.</summary>
    public static byte[] Write(LeakReport report)
    {
        ArrayBufferWriter<byte> buffer = new(16 * 1024);
        using (Utf8JsonWriter json = new(buffer, JsonReportWriter.Style))
        {
            json.WriteStartObject();
            json.WriteString("$schema", SchemaAddress);
            json.WriteString("version", "2.1.0");
            json.WriteStartArray("runs");
            json.WriteStartObject();
            WriteTool(json);
            WriteInvocation(json, report);
            json.WriteStartArray("results");
            foreach (LeakGroup group in report.Leaks)
            {
                WriteResult(json, group);
            }

            json.WriteEndArray();
            json.WriteString("columnKind", "utf16CodeUnits");
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteTool(Utf8JsonWriter json)
    {
        json.WriteStartObject("tool");
        json.WriteStartObject("driver");
        json.WriteString("name", "NativeLeak");
        json.WriteString("version", JsonReportWriter.ToolVersion);
        json.WriteStartArray("rules");
        foreach ((_, string id, string level, string text) in s_rules)
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            WriteMessage(json, "shortDescription", text);
            json.WriteStartObject("defaultConfiguration");
            json.WriteString("level", level);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    // A scan with gaps is no successful one: services show that, and keep what they knew.
    private static void WriteInvocation(Utf8JsonWriter json, LeakReport report)
    {
        json.WriteStartArray("invocations");
        json.WriteStartObject();
        json.WriteBoolean("executionSuccessful", report.IsConclusive);
        json.WriteString("startTimeUtc", report.Process.StartedAt.UtcDateTime);
        json.WriteString("endTimeUtc", report.Process.ReportedAt.UtcDateTime);
        json.WriteStartArray("toolExecutionNotifications");
        foreach (string warning in report.Coverage.Warnings)
        {
            json.WriteStartObject();
            json.WriteString("level", "warning");
            WriteMessage(json, "message", warning);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteResult(Utf8JsonWriter json, LeakGroup group)
    {
        int rule = Array.FindIndex(s_rules, each => each.Kind == group.Kind);
        json.WriteStartObject();
        json.WriteString("ruleId", s_rules[rule].Id);
        json.WriteNumber("ruleIndex", rule);
        json.WriteString("level", s_rules[rule].Level);
        if (group.Baseline is { } baseline)
        {
            json.WriteString("baselineState", baseline.State switch
            {
                BaselineState.New => "new", BaselineState.Grown => "updated", _ => "unchanged",
            });
        }

        WriteMessage(json, "message", LeakPlace.Describe(group) + ": " + group.Evidence);
        json.WriteStartArray("locations");
        WriteLocation(json, LeakPlace.Of(group.Stack) ?? LeakPlace.Innermost(group.Stack), message: null);
        json.WriteEndArray();
        json.WriteStartObject("partialFingerprints");
        json.WriteString("nativeLeakSite/v1", group.Fingerprint);
        json.WriteEndObject();
        json.WriteStartArray("stacks");
        json.WriteStartObject();
        json.WriteStartArray("frames");
        foreach (LeakFrame frame in group.Stack)
        {
            json.WriteStartObject();
            json.WriteStartObject("location");
            WriteLocationBody(json, frame, frame.Method);
            json.WriteEndObject();
            json.WriteString("module", frame.Assembly ?? string.Empty);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteStartObject("properties");
        json.WriteNumber("blocks", group.Total.Blocks);
        json.WriteNumber("bytes", group.Total.Bytes);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteLocation(Utf8JsonWriter json, LeakFrame? frame, string? message)
    {
        json.WriteStartObject();
        WriteLocationBody(json, frame, message);
        json.WriteEndObject();
    }

    private static void WriteLocationBody(Utf8JsonWriter json, LeakFrame? frame, string? message)
    {
        json.WriteStartObject("physicalLocation");
        json.WriteStartObject("artifactLocation");
        json.WriteString("uri", Address(frame));
        json.WriteEndObject();
        if (frame is { File: not null, Line: > 0 })
        {
            json.WriteStartObject("region");
            json.WriteNumber("startLine", frame.Line);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        if (frame is not null)
        {
            json.WriteStartArray("logicalLocations");
            json.WriteStartObject();
            json.WriteString("fullyQualifiedName", frame.Method);
            json.WriteString("kind", "function");
            json.WriteEndObject();
            json.WriteEndArray();
        }

        if (message is not null)
        {
            WriteMessage(json, "message", message);
        }
    }

    // An address relative to what was checked out where the file lies in it, else one of the file system.
    private static string Address(LeakFrame? frame)
    {
        if (frame?.File is not { } file)
        {
            return Uri.EscapeDataString(frame?.Assembly ?? "unknown");
        }

        string path = LeakPlace.Relative(file, Environment.CurrentDirectory);
        string escaped = string.Join('/', path.Split('/').Select(static part => Uri.EscapeDataString(Clean(part))));
        return path.StartsWith('/') ? "file://" + escaped : path.Length > 1 && path[1] == ':' ? "file:///" + escaped : escaped;
    }

    // What nobody can see, or is no character at all, is no part of an address either.
    private static string Clean(string text) => string.Concat(text.Select(static character => char.GetUnicodeCategory(character)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.OtherNotAssigned ? '_' : character));

    private static void WriteMessage(Utf8JsonWriter json, string name, string text)
    {
        json.WriteStartObject(name);
        json.WriteString("text", text);
        json.WriteEndObject();
    }
}
