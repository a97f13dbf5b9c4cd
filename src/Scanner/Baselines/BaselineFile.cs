// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: reads the file that the option "baseline" names.
// Who calls it: ReportBuilder, for each report; the tool.
// The one idea: the file may be anybody's: half of one, of another tool, or made to harm. It becomes a baseline or one sentence that
// names the file and the place. A JSON report will do as well: its leaks are then what is accepted.
using System.Globalization;
using System.Text.Json;
using NativeLeak.Reporting;

namespace NativeLeak.Baselines;

/// <summary>Reads baselines. Never throws for what a file is or holds.</summary>
internal static class BaselineFile
{
    /// <summary>Name and version of the schema.</summary>
    public const string Schema = "nativeleak.baseline/1";

    /// <summary>A longer file is refused.</summary>
    public const int MaximumByteCount = 64 << 20;

    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 32 };

    /// <summary>Reads a file.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="error">A sentence about why there is no baseline; null when there is one.</param>
    public static AcceptedLeaks? TryRead(string path, out string? error)
    {
        error = null;
        try
        {
            return Parse(path, ReadBytes(path));
        }
        catch (JsonException problem)
        {
            error = string.Create(CultureInfo.InvariantCulture,
                $"{path} is no baseline, or only a part of one: line {problem.LineNumber + 1}, byte {problem.BytePositionInLine + 1}");
        }
        catch (FormatException problem)
        {
            error = $"{path} is no baseline: {problem.Message}";
        }
        catch (Exception problem) when (problem is not OutOfMemoryException)
        {
            error = $"the baseline {path} cannot be read: {problem.Message}";
        }

        return null;
    }

    // A pipe or a device has no length: it is read as far as a baseline may go.
    private static byte[] ReadBytes(string path)
    {
        using FileStream file = File.OpenRead(path);
        using MemoryStream bytes = new();
        byte[] piece = new byte[1 << 16];
        int count;
        while ((count = file.Read(piece)) > 0)
        {
            if (bytes.Length + count > MaximumByteCount)
            {
                throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"it has more than {MaximumByteCount} bytes"));
            }

            bytes.Write(piece, 0, count);
        }

        return bytes.ToArray();
    }

    private static AcceptedLeaks Parse(string path, byte[] json)
    {
        ReadOnlyMemory<byte> text = json.AsSpan().StartsWith("\uFEFF"u8) ? json.AsMemory(3) : json;
        using JsonDocument document = JsonDocument.Parse(text, s_options);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("schema", out JsonElement schema)
            || schema.ValueKind != JsonValueKind.String || (!schema.ValueEquals(Schema) && !schema.ValueEquals(JsonReportWriter.Schema)))
        {
            throw new FormatException($"its schema is neither {Schema} nor {JsonReportWriter.Schema}");
        }

        if (!root.TryGetProperty("leaks", out JsonElement leaks) || leaks.ValueKind != JsonValueKind.Array)
        {
            throw new FormatException("it has no leaks, an array is expected");
        }

        Dictionary<string, BlockTotal> sites = new(StringComparer.Ordinal);
        int number = 0;
        foreach (JsonElement leak in leaks.EnumerateArray())
        {
            string place = string.Create(CultureInfo.InvariantCulture, $"leaks[{number++}]");
            if (leak.ValueKind != JsonValueKind.Object || !leak.TryGetProperty("fingerprint", out JsonElement name) || name.ValueKind != JsonValueKind.String)
            {
                throw new FormatException($"{place} has no fingerprint, a text is expected");
            }

            string fingerprint = name.GetString()!;
            sites[fingerprint] = sites.GetValueOrDefault(fingerprint) + new BlockTotal(Count(leak, "blocks", place), Count(leak, "bytes", place));
        }

        return new AcceptedLeaks(path, sites);
    }

    private static long Count(JsonElement leak, string name, string place)
        => leak.TryGetProperty(name, out JsonElement count) && count.ValueKind == JsonValueKind.Number && count.TryGetInt64(out long value) && value >= 0
            ? value
            : throw new FormatException($"{place}.{name} is no whole number from 0");
}
