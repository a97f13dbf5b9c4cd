// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.Interop;
using NativeLeak.Verdicts;

namespace NativeLeak.Reporting;

/// <summary>The sentences in which a report tells what its scan could not do.</summary>
internal static class ScanSentences
{
    /// <summary>The reason when the scan knew how to trace and could not.</summary>
    public const string NoMemoryForTracing = "the scanning process had no memory for tracing objects";

    private static readonly CultureInfo s_invariant = CultureInfo.InvariantCulture;

    /// <summary>Every sentence an outcome calls for.</summary>
    public static IEnumerable<string> Describe(ScanOutcome outcome)
    {
        SnapshotResult snapshot = outcome.Snapshot;
        ScanCounters counters = outcome.Counters;
        if (snapshot.Status != SnapshotStatus.Completed)
        {
            yield return Failure(snapshot);
        }

        ScanWarning warnings = (ScanWarning)counters.Warnings;
        foreach (ScanWarning warning in Enum.GetValues<ScanWarning>())
        {
            if (warning != ScanWarning.None && warnings.HasFlag(warning))
            {
                yield return Sentence(warning, outcome, counters);
            }
        }

        if (outcome.Manner.Reason is { } mode)
        {
            yield return mode;
        }

        if (outcome.ManagedHeapReason.Length > 0 && !IsConservative(outcome))
        {
            yield return "managed heap: " + outcome.ManagedHeapReason;
        }

        if (counters.FreedBehindOurBack.Blocks > 0)
        {
            yield return string.Create(s_invariant, $"{counters.FreedBehindOurBack.Blocks} block(s), "
                + $"{counters.FreedBehindOurBack.Bytes} byte(s), were freed by native code; "
                + $"they are not counted as leaks");
        }
    }

    /// <summary>The threads a scan has to know about: all but the scanner's own.</summary>
    public static int ThreadsOfTheApplication(in SnapshotResult snapshot) => Math.Max(snapshot.ThreadsFound - 1, 0);

    /// <summary>Whether objects were to be traced and could not be.</summary>
    public static bool IsConservative(ScanOutcome outcome)
        => ((ScanWarning)outcome.Counters.Warnings).HasFlag(ScanWarning.ManagedHeapConservative);

    private static string Sentence(
        ScanWarning warning, ScanOutcome outcome, in ScanCounters counters) => warning switch
    {
        ScanWarning.ManagedHeapConservative => "the managed heap was read whole, as bytes; leaks may be missed: "
            + (outcome.ManagedHeapReason.Length > 0 ? outcome.ManagedHeapReason : NoMemoryForTracing),
        ScanWarning.ThreadsNotParked => string.Create(s_invariant,
            $"{outcome.Snapshot.ThreadsUncovered} of {ThreadsOfTheApplication(outcome.Snapshot)} threads could not be stopped: "
            + $"their stacks count whole, their registers are unknown"),
        ScanWarning.LiveMemoryUnread =>
            "memory shared with other processes, or kept out of the copy, was too large to be read in the pause",
        ScanWarning.TableOverflow => "a table of the scan was too small",
        ScanWarning.MemoryUnreadable => string.Create(s_invariant,
            $"{counters.UnreadableBytes} byte(s) of memory could not be read"),
        ScanWarning.MappingsUnreadable => "the list of memory mappings could not be read",
        ScanWarning.DeviceMemorySkipped => "device memory was not read",
        ScanWarning.Unconfirmed => "what looks at the running process found could not be confirmed",
        _ => string.Create(s_invariant, $"the scan had a problem ({warning})"),
    };

    private static string Failure(in SnapshotResult snapshot)
    {
        string reason = snapshot.Status switch
        {
            SnapshotStatus.CloneRefused => string.Create(s_invariant,
                $"the system refused a copy of the process (clone: error {snapshot.ErrorNumber}); a seccomp profile, "
                + $"a limit on processes, or the memory commit limit can be the cause"),
            SnapshotStatus.ChildDied => string.Create(s_invariant,
                $"the scanning process died in each of {snapshot.Attempts} attempts (stage {snapshot.Stage})"),
            SnapshotStatus.ChildSilent => string.Create(s_invariant,
                $"the scanning process fell silent in each of {snapshot.Attempts} attempts (stage {snapshot.Stage})"),
            SnapshotStatus.ParkingUnavailable => "threads cannot be stopped here",
            SnapshotStatus.Interrupted => "it was interrupted before its end",
            SnapshotStatus.ReadingUnavailable => "the memory of the running process cannot be read here",
            _ => string.Create(s_invariant, $"the scan failed ({snapshot.Status})"),
        };
        return "no scan: " + reason + (string.IsNullOrEmpty(snapshot.Detail) ? string.Empty : "; " + snapshot.Detail);
    }
}
