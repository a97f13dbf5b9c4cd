// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: writes a report as JSON, schema nativeleak.report/1: stable, only ever added to.
// Who calls it: ReportFile and LeakReport.ToJson.
// The one idea: every property of the schema is always there, so that readers need no special cases.
using System.Buffers;
using System.Globalization;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using NativeLeak.Baselines;
using NativeLeak.Suppressing;

namespace NativeLeak.Reporting;

/// <summary>Writes JSON reports.</summary>
internal static class JsonReportWriter
{
    /// <summary>Name and version of the schema.</summary>
    public const string Schema = "nativeleak.report/1";

    /// <summary>How JSON is written, here and by other writers.</summary>
    public static JsonWriterOptions Style { get; } = new()
    {
        Indented = true,
        NewLine = "\n",
        // Type names hold < and >: escape what JSON asks for and control characters, not what only HTML would ask for.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Version of NativeLeak, as reports name it.</summary>
    public static string ToolVersion { get; } = typeof(JsonReportWriter).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";

    /// <summary>The report as UTF-8 without a byte order mark, ending with a line feed.</summary>
    public static byte[] Write(LeakReport report)
    {
        ArrayBufferWriter<byte> buffer = new(16 * 1024);
        using (Utf8JsonWriter json = new(buffer, Style))
        {
            json.WriteStartObject();
            json.WriteString("schema", Schema);
            json.WriteStartObject("tool");
            json.WriteString("name", "NativeLeak");
            json.WriteString("version", ToolVersion);
            json.WriteEndObject();
            WriteProcess(json, report.Process);
            json.WriteBoolean("conclusive", report.IsConclusive);
            WriteCoverage(json, report.Coverage);
            WriteScan(json, report.Scan);
            json.WriteString("check", report.Check);
            WriteTotals(json, report.Totals);
            HeldFacts.WriteJson(json, report);
            LevelJson.WriteTracker(json, report.Tracker);
            LevelJson.WriteEstimates(json, report.Estimates);
            json.WriteStartArray("leaks");
            foreach (LeakGroup group in report.Leaks)
            {
                WriteGroup(json, group);
            }

            json.WriteEndArray();
            WriteAllocated(json, report.StillAllocated);
            json.WriteStartArray("misuse");
            foreach (MisuseGroup misuse in report.Misuse)
            {
                WriteMisuse(json, misuse);
            }

            json.WriteEndArray();
            WriteSuppressions(json, report.Suppressions);
            BaselineJson.Write(json, report.Baseline);
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteSuppressions(Utf8JsonWriter json, IReadOnlyList<SuppressionTotal> suppressions)
    {
        json.WriteStartArray("suppressions");
        foreach (SuppressionTotal suppression in suppressions)
        {
            json.WriteStartObject();
            json.WriteString("name", suppression.Name);
            json.WriteString("source", suppression.Source);
            json.WriteNumber("blocks", suppression.Hidden.Blocks);
            json.WriteNumber("bytes", suppression.Hidden.Bytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteProcess(Utf8JsonWriter json, ReportedProcess process)
    {
        json.WriteStartObject("process");
        json.WriteNumber("pid", process.Id);
        json.WriteString("name", process.Name);
        json.WriteString("runtime", process.Runtime);
        json.WriteString("os", process.OperatingSystem);
        json.WriteString("startedAt", process.StartedAt);
        json.WriteString("reportedAt", process.ReportedAt);
        json.WriteString("reason", process.Reason.ToString().ToLowerInvariant());
        json.WriteEndObject();
    }

    private static void WriteCoverage(Utf8JsonWriter json, ReportCoverage coverage)
    {
        json.WriteStartObject("coverage");
        json.WriteString("tier", coverage.Tier);
        WriteStrings(json, "unseen", coverage.Unseen);
        json.WriteString("mode", coverage.Mode);
        json.WriteNumber("looks", coverage.Looks);
        json.WriteBoolean("atRest", coverage.IsAtRest);
        json.WriteString("managedHeap", coverage.ManagedHeap);
        json.WriteString("managedHeapReason", coverage.ManagedHeapReason.Length > 0 ? coverage.ManagedHeapReason : null);
        json.WriteNumber("threadsFound", coverage.ThreadsFound);
        json.WriteNumber("threadsParked", coverage.ThreadsParked);
        json.WriteNumber("rootBytes", coverage.RootBytes);
        json.WriteNumber("blockBytes", coverage.BlockBytes);
        json.WriteNumber("unreadableBytes", coverage.UnreadableBytes);
        WriteStrings(json, "warnings", coverage.Warnings);
        json.WriteEndObject();
    }

    private static void WriteScan(Utf8JsonWriter json, ReportedScan scan)
    {
        json.WriteStartObject("scan");
        json.WriteNumber("number", scan.Number);
        json.WriteNumber("pauseMilliseconds", Math.Round(scan.PauseTime.TotalMilliseconds, 3));
        json.WriteNumber("durationMilliseconds", Math.Round(scan.Duration.TotalMilliseconds, 3));
        json.WriteEndObject();
    }

    private static void WriteTotals(Utf8JsonWriter json, ReportTotals totals)
    {
        json.WriteStartObject("totals");
        WriteTotal(json, "live", totals.Live);
        WriteTotal(json, "reachable", totals.Reachable);
        WriteTotal(json, "definite", totals.Definite);
        WriteTotal(json, "indirect", totals.Indirect);
        WriteTotal(json, "possible", totals.Possible);
        WriteTotal(json, "young", totals.Young);
        WriteTotal(json, "ignored", totals.Ignored);
        WriteTotal(json, "suppressed", totals.Suppressed);
        WriteTotal(json, "unconfirmed", totals.Unconfirmed);
        WriteTotal(json, "weaklyHeld", totals.WeaklyHeld);
        json.WriteEndObject();
    }

    private static void WriteTotal(Utf8JsonWriter json, string name, BlockTotal total)
    {
        json.WriteStartObject(name);
        json.WriteNumber("blocks", total.Blocks);
        json.WriteNumber("bytes", total.Bytes);
        json.WriteEndObject();
    }

    private static void WriteGroup(Utf8JsonWriter json, LeakGroup group)
    {
        json.WriteStartObject();
        json.WriteString("fingerprint", group.Fingerprint);
        json.WriteString("kind", group.Kind.ToString().ToLowerInvariant());
        json.WriteNumber("blocks", group.Total.Blocks);
        json.WriteNumber("bytes", group.Total.Bytes);
        json.WriteNumber("indirectBlocks", group.Indirect.Blocks);
        json.WriteNumber("indirectBytes", group.Indirect.Bytes);
        json.WriteString("allocator", group.Allocator);
        json.WriteString("tag", group.Tag);
        json.WriteNumber("firstAgeSeconds", Math.Round(group.FirstAge.TotalSeconds, 3));
        json.WriteNumber("lastAgeSeconds", Math.Round(group.LastAge.TotalSeconds, 3));
        WriteStrings(json, "threads", group.Threads);
        WriteStack(json, "stack", group.Stack);
        json.WriteStartArray("samples");
        foreach (LeakSample sample in group.Samples)
        {
            WriteSample(json, sample);
        }

        json.WriteEndArray();
        json.WriteString("evidence", group.Evidence);
        json.WriteString("suppression", SuppressionGenerator.Write(group));
        HeldFacts.WriteHolders(json, group);
        LevelJson.WriteEstimate(json, "estimate", group.Estimate);
        BaselineJson.Write(json, group.Baseline);
        json.WriteEndObject();
    }

    private static void WriteAllocated(Utf8JsonWriter json, IReadOnlyList<AllocatedGroup> groups)
    {
        json.WriteStartArray("stillAllocated");
        foreach (AllocatedGroup group in groups)
        {
            json.WriteStartObject();
            json.WriteString("fingerprint", group.Fingerprint);
            json.WriteNumber("blocks", group.Total.Blocks);
            json.WriteNumber("bytes", group.Total.Bytes);
            json.WriteString("allocator", group.Allocator);
            WriteStack(json, "stack", group.Stack);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteMisuse(Utf8JsonWriter json, MisuseGroup misuse)
    {
        json.WriteStartObject();
        json.WriteString("kind", misuse.Kind switch
        {
            MisuseKind.DoubleFree => "double-free",
            MisuseKind.MismatchedFree => "mismatched-free",
            MisuseKind.WriteAfterFree => "write-after-free",
            _ => "invalid-free",
        });
        json.WriteNumber("count", misuse.Count);
        json.WriteString("address", string.Create(CultureInfo.InvariantCulture, $"0x{misuse.Address:x}"));
        json.WriteString("allocator", misuse.Allocator);
        json.WriteString("freedWith", misuse.FreedWith);
        json.WriteString("explanation", misuse.Explanation);
        WriteStack(json, "stack", misuse.Stack);
        WriteStack(json, "allocationStack", misuse.AllocationStack);
        WriteStack(json, "firstFreeStack", misuse.FirstFreeStack);
        json.WriteEndObject();
    }

    private static void WriteStack(Utf8JsonWriter json, string name, IReadOnlyList<LeakFrame> stack)
    {
        json.WriteStartArray(name);
        foreach (LeakFrame frame in stack)
        {
            WriteFrame(json, frame);
        }

        json.WriteEndArray();
    }

    private static void WriteFrame(Utf8JsonWriter json, LeakFrame frame)
    {
        json.WriteStartObject();
        json.WriteString("method", frame.Method);
        json.WriteString("assembly", frame.Assembly);
        json.WriteString("file", frame.File);
        if (frame.Line > 0)
        {
            json.WriteNumber("line", frame.Line);
        }
        else
        {
            json.WriteNull("line");
        }

        json.WriteBoolean("native", frame.IsNative);
        json.WriteBoolean("framework", frame.IsFramework);
        json.WriteEndObject();
    }

    private static void WriteSample(Utf8JsonWriter json, LeakSample sample)
    {
        json.WriteStartObject();
        json.WriteString("address", string.Create(CultureInfo.InvariantCulture, $"0x{sample.Address:x}"));
        json.WriteNumber("size", sample.ByteCount);
        json.WriteNumber("ordinal", sample.Ordinal);
        json.WriteString("hex", sample.Hex);
        json.WriteEndObject();
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }
}
