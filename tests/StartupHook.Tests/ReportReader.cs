// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.StartupHook.Tests;

/// <summary>What tests ask a JSON report for.</summary>
internal static class ReportReader
{
    public static JsonElement Read(string path)
    {
        using JsonDocument report = JsonDocument.Parse(File.ReadAllBytes(path));
        return report.RootElement.Clone();
    }

    public static string? Reason(this JsonElement report) => report.GetProperty("process").GetProperty("reason").GetString();

    public static bool IsConclusive(this JsonElement report) => report.GetProperty("conclusive").GetBoolean();

    public static long Blocks(this JsonElement report, string total)
        => report.GetProperty("totals").GetProperty(total).GetProperty("blocks").GetInt64();

    /// <summary>Blocks of every leak, whatever its kind, whose stack leads through a method.</summary>
    public static long LostBy(this JsonElement report, string method) => report.GetProperty("leaks").EnumerateArray()
        .Where(leak => leak.GetProperty("stack").EnumerateArray().Any(
            frame => frame.GetProperty("method").GetString()?.Contains(method, StringComparison.Ordinal) == true))
        .Sum(static leak => leak.GetProperty("blocks").GetInt64());
}
