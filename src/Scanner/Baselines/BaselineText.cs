// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.Baselines;

/// <summary>The sentences of a text report about its baseline.</summary>
internal static class BaselineText
{
    /// <summary>The line of a leak; null without a baseline.</summary>
    public static string? Line(BaselineMatch? match) => match?.State switch
    {
        null => null,
        BaselineState.New => "baseline: new",
        BaselineState.Grown => $"baseline: grown, was {Total(match.Was)}",
        _ => "baseline: known",
    };

    /// <summary>The line of a report.</summary>
    public static string Line(BaselineSummary summary) => string.Create(CultureInfo.InvariantCulture,
        $"beside the baseline {summary.Source}: {summary.New.Sites} new site(s) with {Total(summary.New.Total)}, {summary.Grown.Sites} grown to "
        + $"{Total(summary.Grown.Total)}, {summary.Known.Sites} known, {summary.Gone.Sites} gone");

    private static string Total(BlockTotal total) => string.Create(CultureInfo.InvariantCulture, $"{total.Bytes} byte(s) in {total.Blocks} block(s)");
}
