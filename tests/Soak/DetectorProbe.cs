// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the real thing under the soak: the runtime hook records, the snapshot scan judges.
// Who calls it: SoakRun, always on one thread.
// The one idea: planted blocks are recognised by their size, which nothing else in the process uses.
using NativeLeak.Interop;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Interception;
using NativeLeak.Reporting;
using NativeLeak.Scheduling;
using NativeLeak.Soak.Planting;
using NativeLeak.Verdicts;

namespace NativeLeak.Soak;

/// <summary>Takes snapshots with the product's own parts.</summary>
internal sealed class DetectorProbe : ISnapshotProbe
{
    private const int StackDepth = 16;
    private const int MaximumLostBlocks = 100_000;

    private SnapshotScan? _scan;

    public void Start()
    {
        AllocationRecorder.Start(StackDepth);
        InterceptionTier tier = RuntimeHook.Install(out string detail);
        if (tier is not (InterceptionTier.Exports or InterceptionTier.GlobalOffsetTable))
        {
            throw new InvalidOperationException($"the runtime hook is not installed: {detail}");
        }

        _scan = new SnapshotScan(Platform.Snapshots);
    }

    public SnapshotMarks Take()
    {
        using ScanOutcome outcome = _scan!.Run(
            new ScanParameters(TimeSpan.Zero, ManagedHeapMode.Trace, InteriorCountsAsStart: false, MaximumLostBlocks));
        int wrong = 0;
        int found = 0;
        int strange = 0;
        foreach (ref readonly LostBlock block in outcome.Lost)
        {
            switch ((int)block.BlockByteCount)
            {
                case PlantedBlocks.ReachableSize:
                    wrong++;
                    break;
                case PlantedBlocks.LostSize:
                    found++;
                    break;
                default:
                    strange++;
                    break;
            }
        }

        SnapshotResult snapshot = outcome.Snapshot;
        bool completed = snapshot.Status == SnapshotStatus.Completed;
        return new SnapshotMarks
        {
            IsCompleted = completed,
            FailedChildren = snapshot.Attempts - (completed ? 1 : 0),
            Detail = completed && snapshot.Attempts == 1 ? null : $"{snapshot.Status} {snapshot.ErrorNumber} {snapshot.Detail}",
            WrongMarks = wrong,
            LeaksFound = found,
            StrangeLeaks = strange,
            ThreadsFound = ScanSentences.ThreadsOfTheApplication(snapshot),
            ThreadsMissed = ScanSentences.ThreadsOfTheApplication(snapshot) - snapshot.ThreadsParked,
            PauseTime = snapshot.PauseTime,
            ParkTime = snapshot.ParkTime,
            CloneTime = snapshot.CloneTime,
            ChildTime = snapshot.ChildTime,
        };
    }
}
