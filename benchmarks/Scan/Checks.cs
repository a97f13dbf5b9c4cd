// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: scans of this process, as the one at its end; with --holders as a scheduled one. Timed from outside.
// Who calls it: the workloads.
// The one idea: all of a scan counts, with the clone, the copy's system calls and its end: CPU time is that of the process
// and of its children. The first scan, in which code runs for the first time, is left out here as for every peer.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Marking;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Benchmarks.Scan;

/// <summary>Medians of several scans, and the outcome of the last.</summary>
/// <param name="Wall">Seconds from asking to verdicts.</param>
/// <param name="Cpu">CPU seconds.</param>
/// <param name="Marking">Seconds in the copy: index, roots, marking, verdicts.</param>
/// <param name="Pause">Seconds during which threads stood still.</param>
/// <param name="LongestPause">The longest of these.</param>
/// <param name="CloneTime">Seconds of the clone alone.</param>
/// <param name="Counters">What the last scan counted.</param>
internal sealed record Checks(
    double Wall, double Cpu, double Marking, double Pause, double LongestPause, double CloneTime, ScanCounters Counters)
{
    private const int StackByteCount = 256 << 10;
    private static byte s_wiped;

    /// <summary>Scans once uncounted and then some times, on a thread of its own.</summary>
    /// <exception cref="InvalidOperationException">A scan was not conclusive.</exception>
    public static Checks Run(Arguments asked, Action<ScanOutcome>? see = null)
    {
        WipeStack();
        Checks? result = null;
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                result = Measure(asked, see);
            }
            catch (InvalidOperationException exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        return result ?? throw failure!;
    }

    private static Checks Measure(Arguments asked, Action<ScanOutcome>? see)
    {
        ScanParameters parameters = new(TimeSpan.Zero, ManagedHeapMode.Trace, InteriorCountsAsStart: false, int.MaxValue)
        {
            Heuristics = new LeakDetectorOptions().Heuristics,
            RemembersHolders = asked.Number("holders", 0) != 0,
            IsLast = asked.Number("holders", 0) == 0,
        };
        int count = asked.Number("checks", 3), markers = asked.Number("markers", 0);
        SnapshotScan scan = markers == 0 ? new SnapshotScan(Platform.Snapshots) : new SnapshotScan(Platform.Snapshots) { Markers = markers };
        List<double> wall = [], cpu = [], marking = [], pause = [], clone = [];
        ScanCounters counters = default;
        for (int i = 0; i <= count; i++)
        {
            double wallBefore = ProcessClock.WallSeconds, cpuBefore = ProcessClock.CpuSeconds;
            using ScanOutcome outcome = scan.Run(parameters);
            double wallNow = ProcessClock.WallSeconds, cpuNow = ProcessClock.CpuSeconds;
            if (!outcome.IsConclusive)
            {
                throw new InvalidOperationException(
                    $"scan {i}: {outcome.Snapshot.Status}, warnings {(ScanWarning)outcome.Counters.Warnings}, {outcome.Snapshot.Detail}");
            }

            counters = outcome.Counters;
            see?.Invoke(outcome);
            if (i > 0)
            {
                wall.Add(wallNow - wallBefore);
                cpu.Add(cpuNow - cpuBefore);
                marking.Add(outcome.Snapshot.ChildTime.TotalSeconds);
                pause.Add(outcome.Snapshot.PauseTime.TotalSeconds);
                clone.Add(outcome.Snapshot.CloneTime.TotalSeconds);
            }
        }

        return new Checks(Median(wall), Median(cpu), Median(marking), Median(pause), pause.Max(), Median(clone), counters);
    }

    // What earlier frames left is no pointer any more.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WipeStack()
    {
        Span<byte> room = stackalloc byte[StackByteCount];
        room.Clear();
        s_wiped = room[^1];
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
