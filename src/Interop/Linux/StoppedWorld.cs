// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the code that runs while every other thread of the process is held: ask, wait, clone, release.
// Who calls it: SnapshotEngine, on the scanner's own thread.
// The one idea: the controller stays in cooperative mode and makes plain calls only, so no collection can be under way in
// the copy and none can stop the controller; every wait is bounded, so a mistake costs a pause and never a hang; and there
// is one way out, which releases everybody.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <summary>The parked zone. No allocation, no lock, no P/Invoke, no exception: see <see cref="ChildCodeAttribute"/>.</summary>
[ChildCode]
internal static unsafe partial class StoppedWorld
{
    private const nint CloneFs = 0x200, CloneFiles = 0x400, ClonePidFd = 0x1000, CloneUntraced = 0x80_0000;
    private const nint FutexWait = 0, FutexWake = 1, FutexPrivate = 128;
    private const nint SignalBlock = 0, SignalSetMask = 2;

    /// <summary>Parks all threads, clones the process, releases the threads. The child never returns from here.</summary>
    // Safety: every pointer in the zone state was allocated by SnapshotMachinery; only one thread is ever in here.
    [MethodImpl(ChildCode.Options)]
    public static void Run(ZoneState* zone)
    {
        // No signal may reach the controller: the runtime's activation would suspend it while it holds the world, and a
        // fault in the child must kill the child at once instead of entering the runtime's handler.
        RawSyscall.Invoke(SyscallNumber.RtSigprocmask, SignalBlock, (nint)(&zone->Control->AllSignals),
            (nint)(&zone->SavedSignals), 8);
        Hold(zone);
        RawSyscall.Invoke(SyscallNumber.RtSigprocmask, SignalSetMask, (nint)(&zone->SavedSignals), 0, 8);
    }

    // A frame of its own: a return address that was hijacked before the signals were blocked belongs to an older frame.
    [MethodImpl(ChildCode.Options)]
    private static void Hold(ZoneState* zone)
    {
        zone->StartNanoseconds = MonotonicClock.Nanoseconds();
        Park(zone);
        Publish(zone);
        zone->ParkedNanoseconds = MonotonicClock.Nanoseconds();
        zone->CloneStartNanoseconds = zone->ParkedNanoseconds;
        zone->ClonedNanoseconds = zone->ParkedNanoseconds;
        if (zone->CensusErrorNumber == 0)
        {
            Clone(zone);
        }

        // Who left before now ran while the copy was made: it is torn, and the engine throws it away.
        // Order: acquire; pairs with the handler's locked increment before its thread leaves.
        zone->Overran = Volatile.Read(ref zone->Control->Overran);
        Release(zone);
        zone->ReleasedNanoseconds = MonotonicClock.Nanoseconds();
    }

    [MethodImpl(ChildCode.Options)]
    private static void Clone(ZoneState* zone)
    {
        SnapshotView* view = zone->View;
        if (zone->Request.BeforeClone != null)
        {
            zone->Request.BeforeClone(view, zone->Request.Context);
            zone->CloneStartNanoseconds = MonotonicClock.Nanoseconds();
        }

        // Exit signal 0: no SIGCHLD, and nobody's waitpid(-1) gets our child. Descriptors are shared so that none is
        // copied; the child's first act is to let go of the table. A debugger that follows new threads and processes
        // does not get it: it would take the child for a thread of ours.
        nint child = RawSyscall.Invoke(
            SyscallNumber.Clone, CloneFs | CloneFiles | ClonePidFd | CloneUntraced, 0, (nint)zone->PidDescriptor);
        if (child == 0)
        {
            SnapshotChild.Run(zone);
        }

        zone->CloneResult = child;
        zone->ClonedNanoseconds = MonotonicClock.Nanoseconds();
        if (child < 0)
        {
            return;
        }

        view->ChildProcessId = (int)child;
        if (zone->Request.AfterClone != null)
        {
            zone->Request.AfterClone(view, zone->Request.Context);
        }

        // Order: what AfterClone wrote comes before the word; pairs with the child's read of ParentDone. The futex is a
        // shared one: the child is another process.
        Volatile.Write(ref view->ParentDone, 1);
        RawSyscall.Invoke(SyscallNumber.Futex, (nint)(&view->ParentDone), FutexWake, int.MaxValue);
    }

    [MethodImpl(ChildCode.Options)]
    private static void Release(ZoneState* zone)
    {
        // Order: parked threads re-read this word after every wake; pairs with the comparison at "hold" in the handler.
        Volatile.Write(ref zone->Control->Release, zone->Generation + 1);
        RawSyscall.Invoke(SyscallNumber.Futex, (nint)(&zone->Control->Release), FutexWake | FutexPrivate, int.MaxValue);
    }

    [MethodImpl(ChildCode.Options)]
    private static void Publish(ZoneState* zone)
    {
        ParkedThread* threads = zone->Threads;
        Clear(threads);
        threads->ThreadId = zone->ControllerThreadId;
        threads->State = ThreadParkState.Controller;
        threads->StackPointer = (nuint)zone->StackPointer();
        threads->ThreadControlBlock = zone->ThreadControlBlock();
        int parked = 0, gone = 0, uncovered = 0;
        int unresponsive = zone->GroupLimit == 0 ? 0 : zone->UnresponsiveCount; // one list for all groups
        for (int i = zone->GroupFirst; i < zone->SlotCount; i++)
        {
            ParkingSlot* slot = zone->Slots + i;
            ParkedThread* thread = threads + 1 + (i - zone->GroupFirst);
            Clear(thread);
            thread->ThreadId = slot->ThreadId;

            // Order: the state is read before what was written ahead of it; pairs with the handler's store of Parked.
            if (Volatile.Read(ref slot->Word) == Word(zone->Generation, ParkingState.Parked))
            {
                Describe(slot, thread);
                parked++;
                continue;
            }

            thread->State = slot->Outcome;
            thread->StackPointer = slot->Outcome == ThreadParkState.Asleep ? slot->StackPointer : 0;
            gone += slot->Outcome == ThreadParkState.Gone ? 1 : 0;
            uncovered += slot->Outcome is ThreadParkState.Late or ThreadParkState.Blocking ? 1 : 0;
            bool isListed = zone->GroupLimit != 0 && WasUnresponsive(zone, slot->ThreadId);
            if (slot->Outcome != ThreadParkState.Gone && !isListed && unresponsive < zone->UnresponsiveCapacity)
            {
                zone->Unresponsive[unresponsive++] = slot->ThreadId;
            }
        }

        zone->Gone = gone;
        zone->Uncovered = uncovered + zone->Unlisted;

        zone->UnresponsiveCount = unresponsive;
        zone->View->Threads = threads;
        zone->View->ThreadCount = zone->SlotCount - zone->GroupFirst + 1;
        zone->View->ParkedCount = parked;
    }

    // Safety: the frame lies on the stack of a thread that waits in its handler; the kernel wrote it, and its own sizes
    // bound what is read.
    [MethodImpl(ChildCode.Options)]
    private static void Describe(ParkingSlot* slot, ParkedThread* thread)
    {
        nuint frame = slot->UserContext;
        thread->State = ThreadParkState.Parked;
        thread->ThreadControlBlock = slot->ThreadControlBlock;
        thread->StackPointer = *(nuint*)(frame + SignalFrame.StackPointerOffset);
        SetRange(&thread->Registers, frame + SignalFrame.RegistersOffset, SignalFrame.RegistersByteCount);
        nuint vectors = *(nuint*)(frame + SignalFrame.VectorStatePointerOffset);
        if (vectors != 0)
        {
            bool extended = *(uint*)(vectors + SignalFrame.VectorMagicOffset) == SignalFrame.VectorMagic;
            SetRange(&thread->VectorRegisters, vectors,
                extended ? *(uint*)(vectors + SignalFrame.VectorByteCountOffset) : SignalFrame.LegacyVectorByteCount);
        }
    }

    // Written field by field: a constructor is a call that nobody prepared, unless it happens to be inlined.
    [MethodImpl(ChildCode.Options)]
    private static void SetRange(MemoryRange* range, nuint start, nuint byteCount)
    {
        ((nuint*)range)[0] = start;
        ((nuint*)range)[1] = start + byteCount;
    }

    [MethodImpl(ChildCode.Options)]
    private static void Clear(ParkedThread* thread)
    {
        for (int i = 0; i < 8; i++)
        {
            ((ulong*)thread)[i] = 0;
        }
    }
}
