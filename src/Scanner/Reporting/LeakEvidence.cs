// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: why a group is believed to be lost, and what held it last.
// Who calls it: ReportBuilder, per group.
// The one idea: a verdict is an argument; the report gives it, with the one place to look at.
using System.Globalization;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Reporting;

/// <summary>Sentences of evidence.</summary>
internal sealed class LeakEvidence(MemoryPlaces places, HolderText holders)
{
    private static readonly CultureInfo s_invariant = CultureInfo.InvariantCulture;

    /// <summary>What holds the group's blocks now, as far as they are held: by their inside, or by lost blocks.</summary>
    public LeakHolder? HeldBy(GroupTally tally) => tally.Kind == LeakKind.Definite ? null : holders.Describe(tally.Holders.Holder);

    /// <summary>What held them when a scan last saw them held; null when none did.</summary>
    public LastHolder? Last(GroupTally tally)
    {
        if (tally.Holders.Last is not ({ } entry, long blocks) || holders.Describe(entry.Unpack()) is not { } holder)
        {
            return null;
        }

        return new(holder, entry.Scan, entry.MissedBy, blocks);
    }

    /// <summary>One sentence: why the blocks are believed to be lost.</summary>
    public string Why(GroupTally tally, LeakHolder? heldBy, in ScanCounters counters)
    {
        if (tally.Kind == LeakKind.Indirect)
        {
            return "only blocks that are lost themselves point to it" + (heldBy is null ? string.Empty : ": " + heldBy.Description);
        }

        if (tally.Kind == LeakKind.Possible)
        {
            return Possible(tally, heldBy);
        }

        return string.Create(s_invariant, $"no pointer to it was found in {counters.RootBytes} bytes of roots "
            + $"and in {counters.BlockBytes} bytes of reachable blocks");
    }

    private string Possible(GroupTally tally, LeakHolder? heldBy)
    {
        if (!tally.TryGetHolder(out nuint holder, out nuint offset))
        {
            return "no pointer to its start was found, only to its inside";
        }

        string place = heldBy is { Place: not ("memory" or "cheap" or "shared" or "module" or "managedheap") }
            ? string.Create(s_invariant, $"at 0x{holder:x}, in {heldBy.Description}")
            : string.Create(s_invariant, $"at 0x{holder:x}, {places.Describe(holder)}");
        return offset == 0
            ? "it hangs from memory that only pointers to its inside reach: " + place
            : string.Create(s_invariant, $"no pointer to its start was found, only one to its inside: start + {offset}, {place}");
    }

    /// <summary>The line of a text report about the last holder.</summary>
    public static string? LastLine(LastHolder? last)
    {
        if (last is null)
        {
            return null;
        }

        string when = last.MissedByScan > 0
            ? string.Create(s_invariant, $"lost between scan {last.SeenByScan} and {last.MissedByScan}")
            : string.Create(s_invariant, $"lost after scan {last.SeenByScan}");
        string gone = last.Holder.Place == "object" ? " (object collected, or field overwritten)" : string.Empty;
        return string.Create(s_invariant, $"last held by {last.Holder.Description}{gone}, {when} ({last.Blocks} block(s))");
    }
}
