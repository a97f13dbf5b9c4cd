// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: compares a report with what a case declares.
// Who calls it: LeakCaseTests; CaseVerdictsTests shows that it does notice.
// The one idea: a planted block is recognised by its size alone, so nothing of the product is trusted to find it.
using System.Text.Json;
using LeakCases;

namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>The check of one case.</summary>
internal static class CaseVerdicts
{
    private static readonly string[] s_kinds = ["definite", "indirect", "possible"];

    /// <summary>Every way in which the report differs from what the case declares; empty when it is right.</summary>
    public static IReadOnlyList<VerdictDifference> Differences(LeakCase leakCase, JsonElement report)
    {
        List<VerdictDifference> differences = [];
        Dictionary<(int Size, string Kind), string> evidence = [];
        Dictionary<(int Size, string Kind), long> found = [];
        Dictionary<int, long> references = [];
        foreach (JsonElement leak in report.GetProperty("leaks").EnumerateArray())
        {
            Attribute(leakCase, leak, found, evidence, references, differences);
        }

        foreach (ExpectedBlock block in leakCase.Blocks)
        {
            CheckTotal(block, found, differences);
            int[] wanted = [block.Definite, block.Indirect, block.Possible];
            foreach ((string kind, int count) in s_kinds.Zip(wanted))
            {
                long listed = found.GetValueOrDefault((block.Size, kind));
                if (Math.Abs(listed - count) > block.KindTolerance)
                {
                    string why = evidence.GetValueOrDefault((block.Size, kind), "");
                    differences.Add(new($"{block.Name} ({block.Size} bytes): {listed} {kind} instead of {count}{why}", MayBeChance: true));
                }
            }

            long hanging = references.GetValueOrDefault(block.Size);
            if (block.References is { } expected && Math.Abs(hanging - expected) > block.KindTolerance)
            {
                differences.Add(new($"{block.Name} ({block.Size} bytes): {hanging} blocks hang from it instead of {expected}", MayBeChance: true));
            }
        }

        CheckScan(leakCase, report, differences);
        return differences;
    }

    private static void Attribute(
        LeakCase leakCase, JsonElement leak, Dictionary<(int, string), long> found,
        Dictionary<(int, string), string> evidence, Dictionary<int, long> references, List<VerdictDifference> differences)
    {
        string kind = leak.GetProperty("kind").GetString()!;
        long blocks = leak.GetProperty("blocks").GetInt64();
        long bytes = leak.GetProperty("bytes").GetInt64();
        int[] sizes = [.. leak.GetProperty("samples").EnumerateArray().Select(s => s.GetProperty("size").GetInt32())];
        ExpectedBlock? block = sizes.Length == 0 ? null : leakCase.Blocks.FirstOrDefault(b => b.Size == sizes[0]);
        if (block is null || sizes.Any(size => size != block.Size) || bytes != blocks * block.Size)
        {
            differences.Add(new($"a leak that was not planted, or planted blocks of two names in one group: {leak}", MayBeChance: false));
            return;
        }

        (int Size, string Kind) key = (block.Size, kind);
        found[key] = found.GetValueOrDefault(key) + blocks;
        evidence[key] = leak.TryGetProperty("evidence", out JsonElement why) ? $"; {why}" : "";
        references[block.Size] = references.GetValueOrDefault(block.Size)
            + (kind == "definite" ? leak.GetProperty("indirectBlocks").GetInt64() : 0);
        if (block.Allocator is { } allocator && leak.GetProperty("allocator").GetString() != allocator)
        {
            differences.Add(new(
                $"{block.Name}: allocator {leak.GetProperty("allocator")} instead of {allocator}", MayBeChance: false));
        }

        if (block.Name == "A" && leakCase.LastHolder is { } holder && kind != "possible" && !WasHeldBy(leak, holder))
        {
            differences.Add(new($"{block.Name}: the last holder is no {holder}: {leak.GetProperty("lastHolder")}", MayBeChance: false));
        }

        if (block.Name == "A" && leakCase.Site is { } site && !Names(leak, site))
        {
            differences.Add(new(
                $"{block.Name}: no frame of its stack names {site} with file and line: {leak.GetProperty("stack")}",
                MayBeChance: false));
        }
    }

    // The scan that missed it comes after the one that saw it; between them it was lost.
    private static bool WasHeldBy(JsonElement leak, string holder)
    {
        JsonElement last = leak.GetProperty("lastHolder");
        return last.ValueKind == JsonValueKind.Object && last.GetProperty("missedByScan").GetInt32() > last.GetProperty("seenByScan").GetInt32()
            && last.GetProperty("holder").GetProperty("description").GetString()!.Contains(holder, StringComparison.Ordinal);
    }

    private static bool Names(JsonElement leak, string method) => leak.GetProperty("stack").EnumerateArray().Any(frame =>
        frame.GetProperty("method").GetString()!.Contains(method, StringComparison.Ordinal)
        && frame.TryGetProperty("file", out JsonElement file) && file.ValueKind == JsonValueKind.String
        && Path.GetExtension(file.GetString()) == ".cs"
        && frame.TryGetProperty("line", out JsonElement line) && line.ValueKind == JsonValueKind.Number
        && line.GetInt32() > 0);

    // Whatever their kind: a live block is never listed, and nearly every lost one is.
    private static void CheckTotal(ExpectedBlock block, Dictionary<(int Size, string Kind), long> found, List<VerdictDifference> differences)
    {
        long listed = s_kinds.Sum(kind => found.GetValueOrDefault((block.Size, kind)));
        int wanted = block.Definite + block.Indirect + block.Possible;
        if (wanted == 0 ? listed > 0 : listed > wanted || listed < wanted - block.Tolerance)
        {
            differences.Add(new($"{block.Name} ({block.Size} bytes): {listed} listed instead of {wanted}", MayBeChance: false)
            {
                IsMiss = listed < wanted,
            });
        }
    }

    private static void CheckScan(LeakCase leakCase, JsonElement report, List<VerdictDifference> differences)
    {
        JsonElement coverage = report.GetProperty("coverage");
        if (!report.GetProperty("conclusive").GetBoolean())
        {
            differences.Add(new($"the scan is inconclusive: {coverage}", MayBeChance: false));
        }

        int found = coverage.GetProperty("threadsFound").GetInt32();
        int parked = coverage.GetProperty("threadsParked").GetInt32();
        if (parked < leakCase.MinimumThreads || parked > found)
        {
            differences.Add(new($"{parked} threads parked of {found}; the case has {leakCase.MinimumThreads} at least", MayBeChance: false));
        }

        int scans = report.GetProperty("scan").GetProperty("number").GetInt32();
        if (scans < leakCase.MinimumScans)
        {
            differences.Add(new($"{scans} scans were made instead of {leakCase.MinimumScans} at least", MayBeChance: false));
        }

        long live = report.GetProperty("totals").GetProperty("reachable").GetProperty("blocks").GetInt64();
        long held = leakCase.Blocks.Sum(b => Math.Max(0, (b.Count ?? 0) - b.Definite - b.Indirect - b.Possible - b.Ignored - b.Gone));
        long ignored = report.GetProperty("totals").GetProperty("ignored").GetProperty("blocks").GetInt64();
        int hidden = leakCase.Blocks.Sum(b => b.Ignored);
        if (ignored != hidden)
        {
            differences.Add(new($"{ignored} blocks are ignored instead of {hidden}", MayBeChance: true));
        }

        if (live < held)
        {
            differences.Add(new($"{live} blocks are reachable; the case holds {held}", MayBeChance: false));
        }
    }
}
