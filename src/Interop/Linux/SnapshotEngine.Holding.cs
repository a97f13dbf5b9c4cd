// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the snapshot's first half alone: threads are held, looked at and released, and nothing is cloned.
// Who calls it: the concurrent scan, for stacks and registers a few threads at a time, and for its last look at all of them.
// The one idea: a group is one run through the same stopped world; slots are never used twice in one call, so nobody has to
// wait between groups until threads have left their handler.
// Safety: as for the rest of the type.
using System.Globalization;

namespace NativeLeak.Interop.Linux;

/// <content>Holding threads without a clone.</content>
internal sealed unsafe partial class SnapshotEngine : IThreadHolder
{
    // A program that makes threads faster than they can be held is left after so many rounds: whoever is born later begins
    // with what its maker had.
    private const int MaximumRounds = 4096;

    /// <inheritdoc/>
    public SnapshotResult Hold(in HoldRequest request)
    {
        lock (s_oneAtATime)
        {
            ZoneState* zone = SnapshotMachinery.TryGet(out string? refusal);
            return zone == null ? Unavailable(0, refusal) : HoldAll(zone, request);
        }
    }

    private static SnapshotResult HoldAll(ZoneState* zone, in HoldRequest request)
    {
        if (!ParkingSignal.IsInstalled(zone->Signal))
        {
            return Unavailable(1, "somebody replaced the parking handler");
        }

        if (!Drain(zone))
        {
            return Unavailable(1, "threads of the snapshot before have not left their handler");
        }

        Reset(zone, new SnapshotRequest { BeforeClone = request.Held, Context = request.Context });
        zone->GroupLimit = request.GroupSize;
        if (request.Limit > TimeSpan.Zero)
        {
            zone->Control->HoldSeconds = (long)request.Limit.TotalSeconds;
            zone->Control->HoldNanoseconds = request.Limit.Ticks % TimeSpan.TicksPerSecond * 100;
        }

        // Groups only add to the list; a full one is begun anew.
        zone->UnresponsiveCount = zone->UnresponsiveCount == zone->UnresponsiveCapacity ? 0 : zone->UnresponsiveCount;
        fixed (byte* path = "/proc/self/task\0"u8)
        {
            zone->TaskDirectory = BlockingSyscall.Invoke(SyscallNumber.Open, (nint)path, OpenDirectoryCloseOnExec);
        }

        if (zone->TaskDirectory < 0)
        {
            return Unavailable(1, "the threads cannot be listed", (int)-zone->TaskDirectory);
        }

        SnapshotResult result = HoldGroups(zone);
        RawSyscall.Invoke(SyscallNumber.Close, zone->TaskDirectory);
        return zone->CensusErrorNumber != 0 ? Unavailable(1, "the threads cannot be listed", zone->CensusErrorNumber) : result;
    }

    private static SnapshotResult HoldGroups(ZoneState* zone)
    {
        int found = 1, parked = 0, uncovered = 0, overran = 0;
        long longest = 0;
        for (int round = 0; round < MaximumRounds && zone->CensusErrorNumber == 0; round++)
        {
            StoppedWorld.RunGroup(zone);
            int met = zone->SlotCount - zone->GroupFirst;
            found += met - zone->Gone;
            parked += zone->View->ParkedCount;
            uncovered += zone->Uncovered - zone->Unlisted;
            overran += zone->Overran;
            long pause = zone->ReleasedNanoseconds - zone->StartNanoseconds;
            longest = pause > longest ? pause : longest;
            if (met == 0 || zone->GroupLimit == 0)
            {
                break;
            }
        }

        // Who left by itself ran while it was looked at: its part is torn.
        SnapshotStatus status = overran != 0 ? SnapshotStatus.HoldExceeded : SnapshotStatus.Completed;
        return new SnapshotResult(status, 0, 0, 1, found + zone->Unlisted, parked, TimeSpan.FromTicks(longest / 100),
            TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero,
            overran == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{overran} threads were held too long"))
        {
            ThreadsUncovered = uncovered + zone->Unlisted,
        };
    }
}
