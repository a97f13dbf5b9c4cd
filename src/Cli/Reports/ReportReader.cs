// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: reads reports of schema nativeleak.report/1.
// Who calls it: the verbs that take files, and those that get a report from a process.
// The one idea: the file may be anybody's: half of one, of another tool, or made to harm. It becomes a report or an error
// that names the file and the place, never an exception of another kind.
using System.Globalization;
using System.Text.Json;
using NativeLeak.Reporting;

namespace NativeLeak.Cli.Reports;

/// <summary>Reads JSON reports.</summary>
internal static class ReportReader
{
    /// <summary>Most bytes of a report: one of a million groups has less.</summary>
    public const long MaximumByteCount = 256L << 20;

    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 32 };

    /// <summary>Reads a file.</summary>
    /// <exception cref="ToolException">It cannot be read, or is no report; the message names the file and the place.</exception>
    public static LeakReport ReadFile(string path)
    {
        byte[] bytes;
        try
        {
            FileInfo file = new(path);
            if (file.Exists && file.Length > MaximumByteCount)
            {
                throw new ToolException(string.Create(CultureInfo.InvariantCulture,
                    $"{path} has {file.Length} bytes: a report has at most {MaximumByteCount}"));
            }

            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            bytes = ReadBounded(stream, path);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ToolException($"{path} cannot be read: {problem.Message}");
        }

        return Read(bytes, path);
    }

    /// <summary>Reads the bytes of a report.</summary>
    /// <param name="json">UTF-8, with or without a byte order mark.</param>
    /// <param name="source">Where they are from, for errors.</param>
    /// <exception cref="ToolException">They are no report.</exception>
    public static LeakReport Read(ReadOnlyMemory<byte> json, string source)
    {
        try
        {
            ReadOnlyMemory<byte> text = json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json;
            using JsonDocument document = JsonDocument.Parse(text, s_options);
            return Read(new JsonPlace(document.RootElement, string.Empty));
        }
        catch (JsonException problem)
        {
            string place = string.Create(CultureInfo.InvariantCulture, $"line {problem.LineNumber + 1}, byte {problem.BytePositionInLine + 1}");
            string what = json.Length == 0 ? "it is empty" : problem.Message.Split(" LineNumber:")[0];
            throw new ToolException($"{source}: not a report of NativeLeak, or only a part of one: {place}: {what}");
        }
        catch (ReportFormatException problem)
        {
            throw new ToolException($"{source}: not a report of NativeLeak: {problem.Message}");
        }
    }

    // A pipe or a device has no length: it is read as far as a report may go.
    private static byte[] ReadBounded(FileStream stream, string path)
    {
        using MemoryStream bytes = new();
        byte[] piece = new byte[1 << 16];
        int count;
        while ((count = stream.Read(piece)) > 0)
        {
            if (bytes.Length + count > MaximumByteCount)
            {
                throw new ToolException(string.Create(CultureInfo.InvariantCulture, $"{path} goes on for more than {MaximumByteCount} bytes"));
            }

            bytes.Write(piece, 0, count);
        }

        return bytes.ToArray();
    }

    private static LeakReport Read(JsonPlace root)
    {
        string schema = root.Required("schema").Text();
        if (schema != JsonReportWriter.Schema)
        {
            throw new ReportFormatException($"its schema is '{TerminalText.Escape(schema)}', {JsonReportWriter.Schema} is expected");
        }

        return new LeakReport
        {
            Process = ReadProcess(root.Required("process")),
            IsConclusive = root.Required("conclusive").Flag(),
            Coverage = ReadCoverage(root.Required("coverage")),
            Scan = ReadScan(root.Required("scan")),
            Check = root["check"].TextOrNull(),
            Totals = ReadTotals(root.Required("totals")),
            Heuristics = root["heuristics"].Map(static node => new HeuristicTotal(
                node.Required("name").Word(InteriorHeuristics.None), ReadTotal(node))),
            Tracker = GroupReader.ReadTracker(root["tracker"]),
            Estimates = GroupReader.ReadEstimates(root["estimates"]),
            Leaks = root.Required("leaks").Map(GroupReader.ReadGroup),
            StillAllocated = root["stillAllocated"].Map(GroupReader.ReadAllocated),
            Misuse = root["misuse"].Map(GroupReader.ReadMisuse),
            Suppressions = root["suppressions"].Map(static node => new SuppressionTotal(
                node.Required("name").Text(), node["source"].Text(), ReadTotal(node))),
            Baseline = GroupReader.ReadBaseline(root["baseline"]),
        };
    }

    private static ReportedProcess ReadProcess(JsonPlace node) => new(
        node.Required("pid").SmallCount(),
        node.Required("name").Text(),
        node["runtime"].Text(),
        node["os"].Text(),
        node["startedAt"].MomentOrNull() ?? DateTimeOffset.UnixEpoch,
        node["reportedAt"].MomentOrNull() ?? DateTimeOffset.UnixEpoch,
        node["reason"].Word(ReportReason.Api));

    private static ReportCoverage ReadCoverage(JsonPlace node) => new()
    {
        Tier = node["tier"].Text(),
        Unseen = node["unseen"].Map(static item => item.Text()),
        Mode = node["mode"].Text(),
        Looks = node["looks"].IsThere ? node["looks"].SmallCount() : 1,
        IsAtRest = node["atRest"].Flag(otherwise: true),
        ManagedHeap = node["managedHeap"].Text(),
        ManagedHeapReason = node["managedHeapReason"].Text(),
        ThreadsFound = node["threadsFound"].SmallCount(),
        ThreadsParked = node["threadsParked"].SmallCount(),
        RootBytes = node["rootBytes"].Count(),
        BlockBytes = node["blockBytes"].Count(),
        UnreadableBytes = node["unreadableBytes"].Count(),
        Warnings = node["warnings"].Map(static item => item.Text()),
    };

    private static ReportedScan ReadScan(JsonPlace node) => new(
        node["number"].SmallCount(), node["pauseMilliseconds"].Time(0.001), node["durationMilliseconds"].Time(0.001));

    private static ReportTotals ReadTotals(JsonPlace node) => new()
    {
        Live = ReadTotal(node["live"]),
        Reachable = ReadTotal(node["reachable"]),
        Definite = ReadTotal(node["definite"]),
        Indirect = ReadTotal(node["indirect"]),
        Possible = ReadTotal(node["possible"]),
        Young = ReadTotal(node["young"]),
        Ignored = ReadTotal(node["ignored"]),
        Suppressed = ReadTotal(node["suppressed"]),
        Unconfirmed = ReadTotal(node["unconfirmed"]),
        WeaklyHeld = ReadTotal(node["weaklyHeld"]),
    };

    private static BlockTotal ReadTotal(JsonPlace node) => node.IsThere ? GroupReader.ReadTotal(node) : default;
}
