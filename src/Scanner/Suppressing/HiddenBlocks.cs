// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: which of a scan's lost blocks no report lists, and by which suppression.
// Who calls it: ReportBuilder, before it counts.
// The one idea: what hangs from a hidden block goes with it (LeakSanitizer re-marks from suppressed chunks); the scan has
// written down for each indirect block which definite one it hangs from.
using System.Globalization;
using System.Runtime.InteropServices;
using NativeLeak.Reporting;
using NativeLeak.Verdicts;

namespace NativeLeak.Suppressing;

/// <summary>The blocks that are hidden. Made once per report.</summary>
internal sealed class HiddenBlocks
{
    private readonly Suppression?[] _by;
    private readonly Dictionary<Suppression, BlockTotal> _totals = [];

    private HiddenBlocks(int count) => _by = new Suppression?[count];

    /// <summary>What each kind has less.</summary>
    public KindSums Sums { get; } = new();

    /// <summary>Every suppression with what it hid; those that hid nothing as well.</summary>
    public IReadOnlyList<SuppressionTotal> Totals { get; private set; } = [];

    /// <summary>Whether a block is hidden.</summary>
    public bool Contains(int index) => _by[index] is not null;

    /// <summary>Finds them.</summary>
    /// <param name="lost">What the scan listed.</param>
    /// <param name="blocks">The blocks of the list that are lost, with their groups.</param>
    /// <param name="suppressions">What shall be hidden; warnings go there.</param>
    public static HiddenBlocks Find(ReadOnlySpan<LostBlock> lost, IReadOnlyList<ListedBlock> blocks, SuppressionSet suppressions)
    {
        HiddenBlocks hidden = new(lost.Length);
        HashSet<Suppression> outgrown = [];
        Dictionary<ListedGroup, IReadOnlyList<Suppression>> fitting = [];
        do
        {
            hidden._totals.Clear();
            foreach (ListedBlock block in blocks)
            {
                ref IReadOnlyList<Suppression>? list = ref CollectionsMarshal.GetValueRefOrAddDefault(fitting, block.Group, out _);
                list ??= suppressions.Find(block.Group);
                long byteCount = (long)lost[block.Index].BlockByteCount;
                Suppression? by = list.FirstOrDefault(each => !outgrown.Contains(each) && each.FitsSize(byteCount));
                hidden._by[block.Index] = by;
                if (by is not null)
                {
                    CollectionsMarshal.GetValueRefOrAddDefault(hidden._totals, by, out _) += new BlockTotal(1, byteCount);
                }
            }
        }
        while (hidden.AddOutgrown(outgrown, suppressions.Warnings));
        hidden.HideWhatHangs(lost, blocks);
        hidden.Totals = [.. suppressions.All.Select(each => new SuppressionTotal(
            each.Name, each.Source, hidden._totals.GetValueOrDefault(each)))];
        return hidden;
    }

    // Those that hid more than they may: what they hid is given to the others, once more.
    private bool AddOutgrown(HashSet<Suppression> outgrown, List<string> warnings)
    {
        int before = outgrown.Count;
        foreach ((Suppression suppression, BlockTotal total) in _totals)
        {
            if (total.Blocks > suppression.MostBlocks && outgrown.Add(suppression))
            {
                warnings.Add(string.Create(CultureInfo.InvariantCulture,
                    $"{suppression.Source}: {total.Blocks} blocks fit the suppression, more than its count of "
                    + $"{suppression.MostBlocks}: it hides nothing"));
            }
        }

        return outgrown.Count > before;
    }

    private void HideWhatHangs(ReadOnlySpan<LostBlock> lost, IReadOnlyList<ListedBlock> blocks)
    {
        foreach (ListedBlock block in blocks)
        {
            int index = block.Index;
            long byteCount = (long)lost[index].BlockByteCount;
            if (_by[index] is null && block.Group.Kind == LeakKind.Indirect && lost[index].Leader < (uint)_by.Length
                && _by[(int)lost[index].Leader] is { } by)
            {
                _by[index] = by;
                CollectionsMarshal.GetValueRefOrAddDefault(_totals, by, out _) += new BlockTotal(1, byteCount);
            }

            if (_by[index] is not null)
            {
                Sums.Add(block.Group.Kind, new BlockTotal(1, byteCount));
            }
        }
    }
}
