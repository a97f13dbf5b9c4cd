// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the recorder's own state, as reports tell it.
// Who calls it: RecorderFacts.
// The one idea: whatever the recorder did not record is named with its number and its reason, in every report since.
using System.Globalization;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Reporting;

/// <summary>Level, counters, memory and gaps of the recorder.</summary>
internal static class TrackerFacts
{
    private static readonly CultureInfo s_invariant = CultureInfo.InvariantCulture;

    /// <summary>The state now.</summary>
    public static ReportedTracker Describe(DetectorLevel level)
    {
        // A refusal may have come from elsewhere than an allocation: a failed reallocation that puts its record back.
        AllocationRecorder.EndIfFull();
        RecordCounters counters = RecordTable.Counters;
        RecorderSettings settings = AllocationRecorder.Settings;
        return new ReportedTracker
        {
            Level = level,
            SampleIntervalBytes = settings.SampleIntervalByteCount,
            MemoryBytes = RecorderPages.UsedByteCount,
            MemoryLimitBytes = settings.MetadataByteLimit is long.MaxValue ? 0 : settings.MetadataByteLimit,
            RecordedBlocks = counters.Allocated,
            FreedBlocks = counters.Freed,
            UnknownFrees = counters.UnknownFrees,
            MissedBlocks = counters.Dropped + RecordingGaps.MissedWhileStopped + RecordingGaps.MissedAfterEnd,
            HasHoles = RecordingGaps.IsSwitchedOff || AllocationRecorder.StartFailure is not null,
            EndedAt = RecordingGaps.IsSwitchedOff ? CoarseClock.ToDateTimeOffset(RecordingGaps.SwitchedOffTick) : null,
        };
    }

    /// <summary>One sentence per gap.</summary>
    public static IEnumerable<string> Warnings()
    {
        long dropped = RecordTable.Counters.Dropped;
        if (RecordingGaps.IsSwitchedOff)
        {
            string reason = RecorderPages.Source.WasRefusedByLimit
                ? string.Create(s_invariant, $"its memory reached max_tracker_memory ({AllocationRecorder.Settings.MetadataByteLimit} bytes)")
                : "the system refused memory for records";
            yield return string.Create(s_invariant,
                $"recording ended at {CoarseClock.ToDateTimeOffset(RecordingGaps.SwitchedOffTick):HH:mm:ss} UTC: {reason}; "
                + $"{dropped + RecordingGaps.MissedAfterEnd} block(s) allocated since are not recorded");
        }
        else if (dropped > 0)
        {
            yield return string.Create(s_invariant, $"{dropped} block(s) lie at addresses that cannot be recorded");
        }

        if (RecordingGaps.StopCount > 0)
        {
            yield return string.Create(s_invariant,
                $"recording was stopped {RecordingGaps.StopCount} time(s) by LeakDetector.Stop: "
                + $"{RecordingGaps.MissedWhileStopped} block(s) allocated meanwhile are not known; they are read as roots");
        }
    }
}
