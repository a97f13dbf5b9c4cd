// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Reporting;

/// <summary>Counts blocks that a scan found lost and that a report counts elsewhere, by kind.</summary>
internal sealed class KindSums
{
    private BlockTotal _definite, _indirect, _possible;

    /// <summary>All of them.</summary>
    public BlockTotal All => _definite + _indirect + _possible;

    /// <summary>Adds blocks of a kind.</summary>
    public void Add(LeakKind kind, BlockTotal blocks)
    {
        switch (kind)
        {
            case LeakKind.Definite: _definite += blocks; break;
            case LeakKind.Indirect: _indirect += blocks; break;
            default: _possible += blocks; break;
        }
    }

    /// <summary>The totals without these blocks among the lost ones.</summary>
    public ReportTotals TakeFrom(ReportTotals totals) => totals with
    {
        Definite = Less(totals.Definite, _definite),
        Indirect = Less(totals.Indirect, _indirect),
        Possible = Less(totals.Possible, _possible),
    };

    private static BlockTotal Less(BlockTotal from, BlockTotal what)
        => new(from.Blocks - what.Blocks, from.Bytes - what.Bytes);
}
