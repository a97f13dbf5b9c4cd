// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how often each unreachable block was found unreachable, with the same content, by scheduled scans.
// Who calls it: the scanner thread shows it each scheduled scan; ReportBuilder asks it which blocks may be reported.
// The one idea: one look may meet a pointer on its way from one holder to another; a second look at unchanged content does
// not (kmemleak's checksum and min_unref_scans, as an identity and a count instead of a flag in the record).
using NativeLeak.Verdicts;

namespace NativeLeak.Scheduling;

/// <summary>The suspects of the last scheduled scan. Not thread-safe: the scanner thread's own.</summary>
/// <remarks>32 bytes of managed memory for each unreachable block, as many as a scan lists. Addresses are complemented: this
/// must not keep a leak alive for the next scan. Cost of a look: a sort.</remarks>
internal sealed class SuspectHistory
{
    // Made by the first scan: an empty array of a type of ours would be compiled before Main.
    private Suspect[]? _suspects;

    /// <summary>Looks after the first that must find a block unreachable and unchanged, before it is reported; 0 reports
    /// every block at once.</summary>
    public int MinimumUnreferencedScans { get; set; } = 1;

    /// <summary>Whether the last scan found blocks that no scan had found before, or whose content had changed.</summary>
    public bool AwaitsConfirmation { get; private set; }

    /// <summary>Takes in what a scheduled scan found. A scan that is not conclusive must not be shown.</summary>
    public void Observe(ReadOnlySpan<LostBlock> lost)
    {
        List<Suspect> now = new(lost.Length);
        foreach (ref readonly LostBlock block in lost)
        {
            if (block.Verdict is Verdict.Definite or Verdict.Indirect or Verdict.Possible)
            {
                int before = Find(block.Address, block.Ordinal);
                bool isUnchanged = before >= 0 && _suspects![before].Checksum == block.Checksum;
                int scans = isUnchanged ? Math.Min(_suspects![before].UnreferencedScans, int.MaxValue - 1) + 1 : 0;
                now.Add(new Suspect(~block.Address, block.Ordinal, block.Checksum, scans));
            }
        }

        now.Sort();
        _suspects = [.. now];
        AwaitsConfirmation = MinimumUnreferencedScans > 0
            && Array.Exists(_suspects, static suspect => suspect.UnreferencedScans == 0);
    }

    /// <summary>Whether a block of the last scan shown here was found often enough to be reported.</summary>
    public bool IsConfirmed(in LostBlock block)
    {
        int at = MinimumUnreferencedScans == 0 ? -1 : Find(block.Address, block.Ordinal);
        return MinimumUnreferencedScans == 0
            || (at >= 0 && _suspects![at].UnreferencedScans >= MinimumUnreferencedScans);
    }

    private int Find(nuint address, ulong ordinal)
        => _suspects is null ? -1 : Array.BinarySearch(_suspects, new Suspect(~address, ordinal, 0, 0));

    // A block: its address and its place in the order of allocation. An address that was handed out again is another.
    private readonly record struct Suspect(nuint Complement, ulong Ordinal, ulong Checksum, int UnreferencedScans)
        : IComparable<Suspect>
    {
        public int CompareTo(Suspect other)
        {
            int byAddress = Complement.CompareTo(other.Complement);
            return byAddress != 0 ? byAddress : Ordinal.CompareTo(other.Ordinal);
        }
    }
}
