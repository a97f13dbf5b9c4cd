// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Reporting;

/// <summary>Counts the blocks that a scheduled scan found unreachable and does not report yet.</summary>
internal sealed class UnconfirmedTotals
{
    private BlockTotal _definite, _indirect, _possible;

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

    /// <summary>The totals with these blocks as unconfirmed instead of lost.</summary>
    public ReportTotals TakeFrom(ReportTotals totals) => totals with
    {
        Definite = Less(totals.Definite, _definite),
        Indirect = Less(totals.Indirect, _indirect),
        Possible = Less(totals.Possible, _possible),
        Unconfirmed = _definite + _indirect + _possible,
    };

    private static BlockTotal Less(BlockTotal from, BlockTotal what)
        => new(from.Blocks - what.Blocks, from.Bytes - what.Bytes);
}
