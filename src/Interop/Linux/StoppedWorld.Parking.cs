// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the first half of the stopped world: find all threads, ask each to park, wait for those that can.
// Who calls it: StoppedWorld.Hold.
// The one idea: whoever does not answer is looked up before time is spent on it, so that the pause is as long as the slowest
// thread that can answer, and never as long as the deadline because of one that cannot.
// Safety: slots, thread list and buffers are preallocated; indices stay below the counts kept beside them.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <content>Parking. The same rules as for the rest of the type.</content>
internal static unsafe partial class StoppedWorld
{
    /// <summary>Longest time the whole process waits for a thread that could answer but does not (uninterruptible sleep).</summary>
    public const long ParkLimitNanoseconds = 300_000_000;

    /// <summary>
    /// Time given to a thread that blocks the signal and runs. The runtime blocks it for microseconds (exception dispatch, the
    /// start of a thread), Process.Start for a few milliseconds around vfork and exec; who takes longer does it for good.
    /// A thread that blocks it and sleeps is not waited for at all: see <see cref="ThreadStatusReader.IsAsleep"/>.
    /// </summary>
    public const long BlockingGraceNanoseconds = 10_000_000;

    /// <summary>Silence after which the threads that did not answer are looked up.</summary>
    public const long QuietNanoseconds = 1_000_000;

    // A thread that shows up when time is out still gets this long.
    private const long LatecomerNanoseconds = 5_000_000, CensusLimitNanoseconds = ParkLimitNanoseconds + 50_000_000;

    private const int DirectoryEntryByteCountOffset = 16, DirectoryEntryNameOffset = 19; // struct linux_dirent64

    [MethodImpl(ChildCode.Options)]
    private static void Park(ZoneState* zone)
    {
        ParkingControl* control = zone->Control;
        zone->Generation = control->Release + 1;
        control->Acknowledged = 0;
        control->Overran = 0;
        control->WakeAt = int.MaxValue;

        // Order: the word holds threads from here on; pairs with the comparison at "hold" in the handler, which runs only
        // after a signal that is sent later than this.
        Volatile.Write(ref control->Release, zone->Generation);

        long parkLimit = zone->StartNanoseconds + ParkLimitNanoseconds;
        long censusLimit = zone->StartNanoseconds + CensusLimitNanoseconds;
        while (Census(zone) != 0)
        {
            long now = MonotonicClock.Nanoseconds();
            long limit = now + LatecomerNanoseconds;
            Settle(zone, limit < parkLimit ? parkLimit : limit);
            if (zone->GroupLimit != 0 || MonotonicClock.Nanoseconds() >= censusLimit)
            {
                break;
            }
        }

        AwaitEntered(zone);
    }

    // One pass over /proc/self/task; asks everybody who was not asked before. Returns how many were new. A parked thread
    // makes no thread, so the passes end as soon as one finds nobody new.
    [MethodImpl(ChildCode.Options)]
    private static int Census(ZoneState* zone)
    {
        int newcomers = 0;
        RawSyscall.Invoke(SyscallNumber.Lseek, zone->TaskDirectory, 0, 0);
        while (true)
        {
            nint byteCount = RawSyscall.Invoke(SyscallNumber.Getdents64, zone->TaskDirectory,
                (nint)zone->DirectoryEntries, zone->DirectoryEntriesByteCount);
            if (byteCount <= 0)
            {
                zone->CensusErrorNumber = (int)-byteCount;
                return byteCount < 0 ? 0 : newcomers;
            }

            byte* entry = zone->DirectoryEntries;
            for (byte* end = entry + byteCount; entry < end; entry += *(ushort*)(entry + DirectoryEntryByteCountOffset))
            {
                int threadId = ParseThreadId(entry + DirectoryEntryNameOffset);
                if (threadId != 0 && threadId != zone->ControllerThreadId)
                {
                    newcomers += Meet(zone, threadId);
                    if (newcomers == zone->GroupLimit && newcomers != 0)
                    {
                        return newcomers;
                    }
                }
            }
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static int ParseThreadId(byte* name)
    {
        int number = 0;
        for (; *name is >= (byte)'0' and <= (byte)'9'; name++)
        {
            number = unchecked((number * 10) + (*name - '0'));
        }

        return *name == 0 ? number : 0;
    }

    // 1 when the thread is new and was given a slot, 0 when it is known (or no slot is left: it is counted then).
    [MethodImpl(ChildCode.Options)]
    private static int Meet(ZoneState* zone, int threadId)
    {
        uint at = unchecked((uint)threadId * 2654435761u) & zone->SlotByThreadIdMask;
        while (zone->SlotByThreadId[at] != 0)
        {
            if (zone->Slots[zone->SlotByThreadId[at] - 1].ThreadId == threadId)
            {
                return 0;
            }

            at = (at + 1) & zone->SlotByThreadIdMask;
        }

        if (zone->SlotCount == zone->SlotCapacity)
        {
            zone->Unlisted++;
            return 0;
        }

        ParkingSlot* slot = zone->Slots + zone->SlotCount++;
        zone->SlotByThreadId[at] = zone->SlotCount;
        slot->ThreadId = threadId;
        slot->UserContext = 0;
        slot->ThreadControlBlock = 0;
        slot->StackPointer = 0;
        slot->Outcome = ThreadParkState.Late;
        slot->AskedNanoseconds = MonotonicClock.Nanoseconds();
        Ask(zone, slot);
        return 1;
    }

    [MethodImpl(ChildCode.Options)]
    private static void Ask(ZoneState* zone, ParkingSlot* slot)
    {
        if (WasUnresponsive(zone, slot->ThreadId))
        {
            // Each ask that is never taken stays queued, and queued signals are a limited resource of the user's: who did
            // not answer last time and still cannot is not asked again.
            ThreadCondition condition = ThreadStatusReader.Look(zone->StatusWork, slot->ThreadId, zone->Signal);
            bool blocks = (condition & ThreadCondition.Blocks) != 0;
            if ((condition & ThreadCondition.Pending) != 0 && (blocks || (condition & ThreadCondition.Uninterruptible) != 0))
            {
                slot->Outcome = !blocks ? ThreadParkState.Late : Sleeps(zone, slot) ? ThreadParkState.Asleep
                    : ThreadParkState.Blocking;
                slot->Word = Word(zone->Generation, ParkingState.Abandoned);
                return;
            }
        }

        // Order: the slot asks before the signal leaves; pairs with the handler's compare-exchange.
        Volatile.Write(ref slot->Word, Word(zone->Generation, ParkingState.Asked));
        SignalInformation* information = zone->SignalInformation;
        information->Signal = zone->Signal;
        information->ErrorNumber = zone->Generation;
        information->Code = SignalInformation.SI_QUEUE;
        information->ProcessId = zone->ProcessId;
        information->Value = (nint)slot;
        zone->Asked++;
        nint result = RawSyscall.Invoke(SyscallNumber.RtTgsigqueueinfo, zone->ProcessId, slot->ThreadId, zone->Signal,
            (nint)information);
        if (result < 0)
        {
            Dismiss(zone, slot, result == -ErrorNumber.ESRCH ? ThreadParkState.Gone : ThreadParkState.Late);
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static bool WasUnresponsive(ZoneState* zone, int threadId)
    {
        for (int i = 0; i < zone->UnresponsiveCount; i++)
        {
            if (zone->Unresponsive[i] == threadId)
            {
                return true;
            }
        }

        return false;
    }

    // Waits until everybody asked so far is parked or dismissed; at the limit the rest is dismissed.
    [MethodImpl(ChildCode.Options)]
    private static void Settle(ZoneState* zone, long limitNanoseconds)
    {
        ParkingControl* control = zone->Control;
        while (true)
        {
            int awaited = zone->Asked - zone->Dismissed;

            // Order: a full fence between this store and the read below. The handler adds to Acknowledged and then reads
            // WakeAt: one of the two sees the other. (If neither did, the wait would still end after a millisecond.)
            Interlocked.Exchange(ref control->WakeAt, awaited);
            int acknowledged = Volatile.Read(ref control->Acknowledged);
            if (acknowledged >= awaited)
            {
                return;
            }

            Wait(&control->Acknowledged, acknowledged, QuietNanoseconds);
            long now = MonotonicClock.Nanoseconds();
            if (now >= limitNanoseconds)
            {
                Examine(zone, now, lastChance: true);
                return;
            }

            if (Volatile.Read(ref control->Acknowledged) == acknowledged)
            {
                Examine(zone, now, lastChance: false);
            }
        }
    }

    // Looks up the threads that have not answered, so that none of them costs the time it can never repay.
    [MethodImpl(ChildCode.Options)]
    private static void Examine(ZoneState* zone, long now, bool lastChance)
    {
        for (int i = 0; i < zone->SlotCount; i++)
        {
            ParkingSlot* slot = zone->Slots + i;
            // Order: acquire; pairs with the handler's compare-exchange that claims the slot.
            if (Volatile.Read(ref slot->Word) != Word(zone->Generation, ParkingState.Asked))
            {
                continue;
            }

            ThreadCondition condition = ThreadStatusReader.Look(zone->StatusWork, slot->ThreadId, zone->Signal);
            bool blocks = (condition & ThreadCondition.Blocks) != 0;
            if ((condition & ThreadCondition.Ended) != 0)
            {
                Dismiss(zone, slot, ThreadParkState.Gone);
            }
            else if (blocks && Sleeps(zone, slot))
            {
                Dismiss(zone, slot, ThreadParkState.Asleep);
            }
            else if (blocks && (lastChance || now - slot->AskedNanoseconds >= BlockingGraceNanoseconds))
            {
                Dismiss(zone, slot, ThreadParkState.Blocking);
            }
            else if (lastChance)
            {
                Dismiss(zone, slot, ThreadParkState.Late);
            }
        }
    }

    // Only a parked thread could wake it, so what the kernel says of its stack stays true for as long as we hold the world.
    [MethodImpl(ChildCode.Options)]
    private static bool Sleeps(ZoneState* zone, ParkingSlot* slot)
    {
        nuint stackPointer;
        bool sleeps = ThreadStatusReader.IsAsleep(zone->StatusWork, slot->ThreadId, &stackPointer);
        slot->StackPointer = sleeps ? stackPointer : 0;
        return sleeps;
    }

    [MethodImpl(ChildCode.Options)]
    private static void Dismiss(ZoneState* zone, ParkingSlot* slot, ThreadParkState outcome)
    {
        // Order: exactly one side wins; pairs with the handler's compare-exchange. If the handler won, the thread parks
        // after all and is counted by its acknowledgement.
        long asked = Word(zone->Generation, ParkingState.Asked);
        if (Interlocked.CompareExchange(ref slot->Word, Word(zone->Generation, ParkingState.Abandoned), asked) == asked)
        {
            slot->Outcome = outcome;
            zone->Dismissed++;
        }
    }

    // A thread between its claim and its acknowledgement is a few instructions away from parking, unless it was preempted.
    [MethodImpl(ChildCode.Options)]
    private static void AwaitEntered(ZoneState* zone)
    {
        long entered = Word(zone->Generation, ParkingState.Entered);
        for (int i = 0; i < zone->SlotCount; i++)
        {
            ParkingSlot* slot = zone->Slots + i;
            // Order: acquire; pairs with the handler's store of Parked and its count of acknowledgements.
            for (int tries = 0; tries < 20 && Volatile.Read(ref slot->Word) == entered; tries++)
            {
                Wait(&zone->Control->Acknowledged, Volatile.Read(ref zone->Control->Acknowledged), QuietNanoseconds);
            }
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static void Wait(int* word, int expected, long nanoseconds)
    {
        TimeSpecification limit;
        limit.Seconds = 0;
        limit.Nanoseconds = nanoseconds;
        RawSyscall.Invoke(SyscallNumber.Futex, (nint)word, FutexWait | FutexPrivate, expected, (nint)(&limit));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Word(uint generation, ParkingState state) => (long)generation | ((long)state << 32);
}
