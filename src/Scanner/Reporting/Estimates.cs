// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Verdicts;

namespace NativeLeak.Reporting;

/// <summary>Sums of a scan as figures of a report.</summary>
internal static class Estimates
{
    /// <summary>The figure of a sum.</summary>
    public static BlockEstimate Of(in EstimateSum sum)
        => new(sum.Blocks, Math.Sqrt(sum.BlocksVariance), sum.Bytes, Math.Sqrt(sum.BytesVariance));

    /// <summary>The figures of a scan; null when every block was recorded.</summary>
    public static ReportEstimates? Of(in ScanCounters counters, long sampleIntervalBytes) => sampleIntervalBytes == 0
        ? null
        : new ReportEstimates
        {
            Live = Of(counters.Reachable.Estimate + counters.Definite.Estimate + counters.Indirect.Estimate
                + counters.Possible.Estimate + counters.Young.Estimate),
            Reachable = Of(counters.Reachable.Estimate),
            Definite = Of(counters.Definite.Estimate),
            Indirect = Of(counters.Indirect.Estimate),
            Possible = Of(counters.Possible.Estimate),
            Young = Of(counters.Young.Estimate),
        };
}
