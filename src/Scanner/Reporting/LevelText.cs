// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.Reporting;

/// <summary>The lines of a text report that depend on the level.</summary>
internal static class LevelText
{
    private static readonly CultureInfo s_invariant = CultureInfo.InvariantCulture;

    /// <summary>What was recorded and what that took; one line per fact.</summary>
    public static IEnumerable<string> Tracker(LeakReport report)
    {
        ReportedTracker tracker = report.Tracker;
        string limit = tracker.MemoryLimitBytes == 0
            ? "no limit"
            : string.Create(s_invariant, $"limit {tracker.MemoryLimitBytes}");
        string missed = tracker.MissedBlocks == 0
            ? string.Empty
            : string.Create(s_invariant, $", {tracker.MissedBlocks} missed");
        string unknown = tracker.SampleIntervalBytes > 0
            ? string.Empty
            : string.Create(s_invariant, $", {tracker.UnknownFrees} free(s) of blocks without a record");
        yield return string.Create(s_invariant,
            $"tracker: level {Name(tracker.Level)}, {tracker.RecordedBlocks} block(s) recorded, {tracker.FreedBlocks} freed{missed}"
            + $"{unknown}; {tracker.MemoryBytes} bytes of its own memory, {limit}");
        if (report.Estimates is { } estimates)
        {
            yield return string.Create(s_invariant,
                $"sampled: one block in {tracker.SampleIntervalBytes} bytes on average; every other figure counts samples, "
                + $"these estimate all blocks (± is one standard error):");
            yield return $"estimated: live {Estimate(estimates.Live)}, reachable {Estimate(estimates.Reachable)}";
            yield return $"estimated: definite {Estimate(estimates.Definite)}, indirect {Estimate(estimates.Indirect)}, "
                + $"possible {Estimate(estimates.Possible)}, young {Estimate(estimates.Young)}";
        }
    }

    /// <summary>"1048576 ± 300000 byte(s) in 4 ± 1 block(s)".</summary>
    public static string Estimate(BlockEstimate estimate) => string.Create(s_invariant,
        $"{estimate.Bytes:0} ± {estimate.BytesError:0} byte(s) in {estimate.Blocks:0} ± {estimate.BlocksError:0} block(s)");

    /// <summary>The level as users write it.</summary>
    public static string Name(DetectorLevel level) => level.ToString().ToLowerInvariant();
}
