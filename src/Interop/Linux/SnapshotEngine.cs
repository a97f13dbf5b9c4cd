// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: takes snapshots: park, clone, release, watch, and again when the child failed.
// Who calls it: the scanner, on its own thread.
// The one idea: the host is held for milliseconds only, for the clone; whatever the scan does, it does in a copy that can
// be killed at any time.
// Safety: the view's pages are mapped as long as the process; callbacks get the caller's context unchanged.
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NativeLeak.Interop.Linux;

/// <summary>Snapshots of this process by parking and cloning. All instances share one machinery; one snapshot at a time.</summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe partial class SnapshotEngine : ISnapshotEngine
{
    /// <summary>Longest time a thread stays parked in the first attempt; a longer pause tears the snapshot.</summary>
    public static readonly TimeSpan HoldLimit = TimeSpan.FromSeconds(0.9);

    // 22–28 ms per GB of small pages: a process whose clone takes longer than the first limit gets four times as much.
    private static readonly TimeSpan s_largestHoldLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(2);
    private const nint OpenDirectoryCloseOnExec = 0x90000;

    private static readonly Lock s_oneAtATime = new();
    private static TimeSpan s_holdLimit = HoldLimit;

    /// <inheritdoc/>
    public SnapshotResult Take(in SnapshotRequest request)
    {
        lock (s_oneAtATime)
        {
            ZoneState* zone = SnapshotMachinery.TryGet(out string? refusal);
            if (zone == null)
            {
                return Unavailable(0, refusal);
            }

            SnapshotResult result = default;
            int failedChildren = 0;
            for (int attempt = 1; attempt <= Math.Max(1, request.MaxAttempts); attempt++)
            {
                result = TakeOnce(zone, request, attempt, failedChildren);
                failedChildren += result.Status is SnapshotStatus.ChildDied or SnapshotStatus.ChildSilent ? 1 : 0;
                if (result.Status is SnapshotStatus.Completed or SnapshotStatus.CloneRefused
                    or SnapshotStatus.ParkingUnavailable)
                {
                    break;
                }
            }

            return result;
        }
    }

    private static SnapshotResult TakeOnce(ZoneState* zone, in SnapshotRequest request, int attempt, int failedChildren)
    {
        if (!ParkingSignal.IsInstalled(zone->Signal))
        {
            return Unavailable(attempt, "somebody replaced the parking handler");
        }

        if (!Drain(zone))
        {
            return Unavailable(attempt, "threads of the snapshot before have not left their handler");
        }

        Reset(zone, request);
        zone->View->FailedChildren = failedChildren;
        fixed (byte* path = "/proc/self/task\0"u8)
        {
            zone->TaskDirectory = BlockingSyscall.Invoke(SyscallNumber.Open, (nint)path, OpenDirectoryCloseOnExec);
        }

        if (zone->TaskDirectory < 0)
        {
            return Unavailable(attempt, "the threads cannot be listed", (int)-zone->TaskDirectory);
        }

        StoppedWorld.Run(zone);
        RawSyscall.Invoke(SyscallNumber.Close, zone->TaskDirectory);
        return zone->CensusErrorNumber != 0 ? Unavailable(attempt, "the threads cannot be listed", zone->CensusErrorNumber)
            : zone->CloneResult < 0 ? Result(zone, SnapshotStatus.CloneRefused, attempt, 0, null, (int)-zone->CloneResult)
            : Watch(zone, attempt);
    }

    private static SnapshotResult Watch(ZoneState* zone, int attempt)
    {
        int child = (int)zone->CloneResult, descriptor = *zone->PidDescriptor, status;
        bool torn = zone->Overran != 0;
        ChildEnding ending = torn
            ? ChildWatch.Kill(child, descriptor, out status)
            : ChildWatch.Await(child, descriptor, &zone->View->Progress, zone->Request.SilenceLimit, out status);
        long childNanoseconds = MonotonicClock.Nanoseconds() - zone->ClonedNanoseconds;
        if (descriptor >= 0)
        {
            RawSyscall.Invoke(SyscallNumber.Close, descriptor);
        }

        if (torn)
        {
            TimeSpan longer = s_holdLimit * 4;
            s_holdLimit = longer < s_largestHoldLimit ? longer : s_largestHoldLimit;
            return Result(zone, SnapshotStatus.HoldExceeded, attempt, childNanoseconds,
                string.Create(CultureInfo.InvariantCulture, $"{zone->Overran} threads were held too long"));
        }

        return ending switch
        {
            ChildEnding.Finished => Result(zone, SnapshotStatus.Completed, attempt, childNanoseconds, null),
            ChildEnding.Silenced => Result(zone, SnapshotStatus.ChildSilent, attempt, childNanoseconds, null),
            ChildEnding.Unreaped => Result(zone, SnapshotStatus.ChildSilent, attempt, childNanoseconds,
                "the child was killed but has not ended"),
            ChildEnding.Stolen => Result(zone, SnapshotStatus.ChildDied, attempt, childNanoseconds,
                "somebody else reaped the child"),
            _ => Result(zone, SnapshotStatus.ChildDied, attempt, childNanoseconds,
                string.Create(CultureInfo.InvariantCulture, $"wait status 0x{status:x}")),
        };
    }

    // A slot may be used again when its thread has left the handler. Everybody was released long ago; who is still inside
    // waits for a processor only.
    private static bool Drain(ZoneState* zone)
    {
        long end = MonotonicClock.Nanoseconds() + (s_drainLimit.Ticks * 100);
        for (int i = 0; i < zone->SlotCount; i++)
        {
            while (true)
            {
                // Order: Left is the handler's last access to its slot; pairs with its store at "leave".
                ParkingState state = (ParkingState)(Volatile.Read(ref zone->Slots[i].Word) >> 32);
                if (state is not (ParkingState.Entered or ParkingState.Parked))
                {
                    break;
                }

                if (MonotonicClock.Nanoseconds() > end)
                {
                    return false;
                }

                Thread.Sleep(1);
            }
        }

        return true;
    }

    private static void Reset(ZoneState* zone, in SnapshotRequest request)
    {
        new Span<int>(zone->SlotByThreadId, (int)zone->SlotByThreadIdMask + 1).Clear();
        zone->Request = request;
        zone->ProcessId = (int)RawSyscall.Invoke(SyscallNumber.Getpid);
        zone->Control->ProcessId = zone->ProcessId;
        zone->Control->HoldSeconds = (long)s_holdLimit.TotalSeconds;
        zone->Control->HoldNanoseconds = s_holdLimit.Ticks % TimeSpan.TicksPerSecond * 100;
        zone->ControllerThreadId = (int)RawSyscall.Invoke(SyscallNumber.Gettid);
        zone->SlotCount = 0;
        zone->GroupLimit = 0;
        zone->GroupFirst = 0;
        zone->Asked = 0;
        zone->Dismissed = 0;
        zone->Unlisted = 0;
        zone->Gone = 0;
        zone->Uncovered = 0;
        zone->CensusErrorNumber = 0;
        zone->Overran = 0;
        zone->CloneResult = 0;
        *zone->PidDescriptor = -1;
        *zone->View = default;
        zone->View->ParentProcessId = zone->ProcessId;
    }

    private static SnapshotResult Unavailable(int attempt, string? detail, int errorNumber = 0)
        => new(SnapshotStatus.ParkingUnavailable, errorNumber, 0, attempt, 0, 0, TimeSpan.Zero, TimeSpan.Zero,
            TimeSpan.Zero, TimeSpan.Zero, detail);

    private static SnapshotResult Result(ZoneState* zone, SnapshotStatus status, int attempt, long childNanoseconds,
        string? detail, int errorNumber = 0)
    {
        static TimeSpan Span(long nanoseconds) => TimeSpan.FromTicks(nanoseconds / 100);
        return new SnapshotResult(
            status,
            errorNumber,
            zone->View->Stage,
            attempt,
            zone->SlotCount + 1 + zone->Unlisted - zone->Gone,
            zone->View->ParkedCount,
            Span(zone->ReleasedNanoseconds - zone->StartNanoseconds),
            Span(zone->ParkedNanoseconds - zone->StartNanoseconds),
            Span(zone->ClonedNanoseconds - zone->CloneStartNanoseconds),
            Span(childNanoseconds),
            detail)
        {
            ThreadsUncovered = zone->Uncovered,
        };
    }
}
