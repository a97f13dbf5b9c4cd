// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: holds some threads, or all, shows them to a callback, and lets them go.
// Who calls it: SnapshotEngine.Hold, once for each group, on the scanner's own thread.
// The one idea: signals are blocked for one group only, so that a collection waits for a few threads' stacks at most.
// Safety: as for the rest of the type.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <content>Groups. The same rules as for the rest of the type.</content>
internal static unsafe partial class StoppedWorld
{
    /// <summary>Holds the threads that were not held before in this call of the engine, at most the group's limit.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void RunGroup(ZoneState* zone)
    {
        RawSyscall.Invoke(SyscallNumber.RtSigprocmask, SignalBlock, (nint)(&zone->Control->AllSignals),
            (nint)(&zone->SavedSignals), 8);
        HoldGroup(zone);
        RawSyscall.Invoke(SyscallNumber.RtSigprocmask, SignalSetMask, (nint)(&zone->SavedSignals), 0, 8);
    }

    // A frame of its own, for the reason that Hold has.
    [MethodImpl(ChildCode.Options)]
    private static void HoldGroup(ZoneState* zone)
    {
        zone->StartNanoseconds = MonotonicClock.Nanoseconds();
        zone->GroupFirst = zone->SlotCount;
        zone->Asked = 0;
        zone->Dismissed = 0;
        Park(zone);
        Publish(zone);
        zone->ParkedNanoseconds = MonotonicClock.Nanoseconds();
        bool isAnybody = zone->GroupLimit == 0 || zone->SlotCount > zone->GroupFirst;
        if (zone->CensusErrorNumber == 0 && isAnybody)
        {
            zone->Request.BeforeClone(zone->View, zone->Request.Context);
        }

        // Order: acquire; pairs with the handler's locked increment before its thread leaves.
        zone->Overran = Volatile.Read(ref zone->Control->Overran);
        Release(zone);
        zone->ReleasedNanoseconds = MonotonicClock.Nanoseconds();
    }
}
