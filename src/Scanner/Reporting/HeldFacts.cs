// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how the blocks are held that a report does not list: by a heuristic, or by doubtful words only.
// Who calls it: ReportBuilder for the numbers, the writers of text and JSON.
// The one idea: what makes a block reachable is a judgement; where it was a weak one, the report says so.
using System.Globalization;
using System.Text.Json;
using NativeLeak.Verdicts;

namespace NativeLeak.Reporting;

/// <summary>Numbers, sentences and JSON about held blocks.</summary>
internal static class HeldFacts
{
    /// <summary>The heuristics, in the order of their numbers.</summary>
    private static readonly InteriorHeuristics[] s_heuristics =
    [
        InteriorHeuristics.Length64, InteriorHeuristics.NewArray, InteriorHeuristics.Header,
        InteriorHeuristics.MultipleInheritance,
    ];

    /// <summary>What each wanted heuristic did, also when that is nothing.</summary>
    public static unsafe IReadOnlyList<HeuristicTotal> Saved(in ScanCounters counters, InteriorHeuristics wanted)
    {
        List<HeuristicTotal> totals = [];
        for (int i = 0; i < s_heuristics.Length; i++)
        {
            if (wanted.HasFlag(s_heuristics[i]))
            {
                // Safety: both arrays have an entry per heuristic.
                totals.Add(new(s_heuristics[i], new(counters.Held.SavedBlocks[i], counters.Held.SavedBytes[i])));
            }
        }

        return totals;
    }

    /// <summary>The lines of a text report.</summary>
    public static IEnumerable<string> Lines(LeakReport report)
    {
        if (report.Totals.WeaklyHeld.Blocks > 0)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{report.Totals.WeaklyHeld.Blocks} block(s), "
                + $"{report.Totals.WeaklyHeld.Bytes} byte(s), are held by weak evidence only: words in holes of the runtime's "
                + $"frames, below stack pointers, in freed memory, or in memory of the just-in-time compiler");
        }

        if (report.Heuristics.Count > 0)
        {
            yield return "reachable by a heuristic: " + string.Join(", ", report.Heuristics.Select(static total =>
                string.Create(CultureInfo.InvariantCulture, $"{Name(total.Heuristic)} {total.Total.Blocks} block(s)")));
        }
    }

    /// <summary>Writes the property <c>heuristics</c>.</summary>
    public static void WriteJson(Utf8JsonWriter json, LeakReport report)
    {
        json.WriteStartArray("heuristics");
        foreach (HeuristicTotal total in report.Heuristics)
        {
            json.WriteStartObject();
            json.WriteString("name", Name(total.Heuristic));
            json.WriteNumber("blocks", total.Total.Blocks);
            json.WriteNumber("bytes", total.Total.Bytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>Writes the properties <c>heldBy</c> and <c>lastHolder</c> of a group.</summary>
    public static void WriteHolders(Utf8JsonWriter json, LeakGroup group)
    {
        WriteHolder(json, "heldBy", group.HeldBy);
        if (group.LastHolder is not { } last)
        {
            json.WriteNull("lastHolder");
            return;
        }

        json.WriteStartObject("lastHolder");
        WriteHolder(json, "holder", last.Holder);
        json.WriteNumber("seenByScan", last.SeenByScan);
        json.WriteNumber("missedByScan", last.MissedByScan);
        json.WriteNumber("blocks", last.Blocks);
        json.WriteEndObject();
    }

    private static void WriteHolder(Utf8JsonWriter json, string name, LeakHolder? holder)
    {
        if (holder is null)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        json.WriteString("place", holder.Place);
        json.WriteString("description", holder.Description);
        json.WriteEndObject();
    }

    private static string Name(InteriorHeuristics heuristic) => heuristic.ToString().ToLowerInvariant();
}
