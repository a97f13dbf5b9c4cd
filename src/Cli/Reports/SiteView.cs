// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.Cli.Terminals;

namespace NativeLeak.Cli.Reports;

/// <summary>A site in the table of monitor.</summary>
/// <param name="Fingerprint">What tells it from others.</param>
/// <param name="Place">The line, or the method.</param>
/// <param name="Total">What it holds.</param>
/// <param name="Change">Bytes more than in the count before.</param>
internal sealed record SiteRow(string Fingerprint, string Place, BlockTotal Total, long Change);

/// <summary>The sites with the most bytes, compared with the count before.</summary>
internal sealed class SiteView
{
    private readonly Dictionary<string, long> _bytes = [];

    /// <summary>Compares.</summary>
    /// <param name="report">A report of what is allocated.</param>
    /// <param name="before">The count before; null: this is the first.</param>
    /// <param name="top">How many sites.</param>
    public SiteView(LeakReport report, SiteView? before, int top)
    {
        foreach (AllocatedGroup group in report.StillAllocated)
        {
            _bytes[group.Fingerprint] = _bytes.GetValueOrDefault(group.Fingerprint) + group.Total.Bytes;
        }

        Rows = [.. report.StillAllocated
            .OrderByDescending(static group => group.Total.Bytes)
            .Take(top)
            .Select(group => new SiteRow(group.Fingerprint, ReportMerge.PlaceOf(group.Stack, group.Allocator), group.Total,
                before is null ? 0 : group.Total.Bytes - before._bytes.GetValueOrDefault(group.Fingerprint)))];
        Title = string.Create(CultureInfo.InvariantCulture,
            $"{report.Process.Name} ({report.Process.Id}): {report.Totals.Live.Bytes} bytes in {report.Totals.Live.Blocks} blocks "
            + $"from {report.StillAllocated.Count} sites");
    }

    /// <summary>What stands above.</summary>
    public string Title { get; }

    /// <summary>The sites.</summary>
    public IReadOnlyList<SiteRow> Rows { get; }

    /// <summary>A number with its sign.</summary>
    public static string Signed(long number) => number.ToString("+0;-0;0", CultureInfo.InvariantCulture);

    /// <summary>As plain text.</summary>
    public string ToText() => Reporting.TerminalText.Escape(Title) + "\n" + PlainTable.Write(
    [
        ["bytes", "change", "blocks", "allocated at"],
        .. Rows.Select(static row => (string[])
        [
            row.Total.Bytes.ToString(CultureInfo.InvariantCulture), Signed(row.Change),
            row.Total.Blocks.ToString(CultureInfo.InvariantCulture), row.Place,
        ]),
    ]);
}
