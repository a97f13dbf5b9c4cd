// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the bounded memory of what was freed a moment ago, and of what is being freed now.
// Who calls it: FreeGate on every free; FreeJudge when a free has no record.
// The one idea: every thread writes only its own ring, so a free costs a few stores to warm lines; searching all rings is
// the price of a free without a record. LeakSanitizer bounds its table of freed big chunks likewise.
// Safety: rings lie in one reservation that is never given back; a ring is touched only after it was committed.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>The rings of all threads. Thread-safe, without locks or GC memory.</summary>
internal static unsafe partial class RecentFrees
{
    // Ring 0 is shared by threads beyond: an 8 MiB reservation, of which as many rings are used as threads freed at a time.
    private const int RingCount = 1024;

    // Owners that are looked at for one that ended; each costs a system call.
    private const int ProbeLimit = 64;
    private const nint NoSuchProcess = -3; // ESRCH

    // A free takes microseconds; who is not done after so many turns, or after a second, is stopped by a debugger, or worse.
    // By time too: on a busy machine a turn gives the processor to others, and takes milliseconds.
    private const int WaitLimit = 200_000;
    private const uint WaitTicks = 1000 / CoarseClock.TickMilliseconds;

    private static FreeRing* s_rings;
    private static byte* s_isCommitted;
    private static int s_highest;
    private static int s_hand;

    /// <summary>The calling thread's ring. Pre: <see cref="Initialize"/>.</summary>
    public static FreeRing* Current
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            nuint ring = Allocation.ThreadState.FreeRing;
            return ring != 0 ? (FreeRing*)ring : Assign();
        }
    }

    /// <summary>How many rings may be in use: numbers of <see cref="TryGetOwner"/> lie below.</summary>
    // Order: none; IsThere tells which of them are usable.
    public static int Count => Math.Min(Volatile.Read(ref s_highest) + 1, RingCount);

    /// <summary>Reserves the rings. False when the system refuses; idempotent, cold.</summary>
    public static bool Initialize()
    {
        if (s_rings != null)
        {
            return true;
        }

        IPageSource pages = Platform.Pages;
        nuint rings = pages.Reserve((nuint)RingCount * FreeRing.ByteCount);
        nuint committed = rings == 0 ? 0 : pages.AllocatePrivate(pages.PageByteCount);
        if (committed == 0 || !pages.Commit(rings, FreeRing.ByteCount))
        {
            return false;
        }

        s_isCommitted = (byte*)committed;
        s_isCommitted[0] = 1;
        s_rings = (FreeRing*)rings;
        return true;
    }

    /// <summary>
    /// Finds out whether somebody else frees this address at this moment, and waits for who has passed it to the C heap
    /// already. The caller, who found no record, has announced it with <see cref="FreeRing.NoRecord"/>.
    /// </summary>
    /// <returns>
    /// True: somebody else frees the same block and will do so: two frees of one life of the block, whatever the C heap says
    /// later. False: nobody is at it any more; the C heap decides.
    /// </returns>
    /// <remarks>
    /// Who is seen before the C heap was at it owns the block as much as the caller claims to; one of both is wrong. With a
    /// record it goes first; of those without, the one with the lowest ring does, so the others need not wait for it. Who is
    /// first seen when the C heap is at it may have freed the block long ago: it can have been given to the caller since, by
    /// native code and rightly.
    /// </remarks>
    public static bool IsFreedByOther(nuint address, FreeRing* own)
    {
        // Order: full fence: announced before we look at others; pairs with itself on the other threads, and with the
        // exchange in RecordTable.TryRemove, which comes after the winner's announcement.
        Interlocked.MemoryBarrier();
        bool isFreed = false;
        for (int i = 0; i < Count; i++)
        {
            // On to the last ring: only who has the record remembers what block it was, before it passes it on. Order: a
            // moment's answer; who has the record does not lose it.
            if (IsThere(i) && s_rings + i != own
                && (!isFreed || (Volatile.Read(ref s_rings[i].InFlight) & FreeRing.NoRecord) == 0))
            {
                isFreed |= IsFreedBy(s_rings + i, address, isBefore: s_rings + i < own);
            }
        }

        return isFreed;
    }

    /// <summary>
    /// Finds what is known of a block that was freed at this address: of its last life, where threads remember several.
    /// </summary>
    public static bool TryFind(nuint address, out FreedBlock found)
    {
        ushort now = (ushort)CoarseClock.NowTicks;
        bool isFound = false;
        found = default;
        for (int i = 0; i < Count; i++)
        {
            if (IsThere(i) && FreeRing.TryFind(s_rings + i, address, out FreedBlock other)
                && (!isFound || (ushort)(now - other.Birth) < (ushort)(now - found.Birth)))
            {
                found = other;
                isFound = true;
            }
        }

        return isFound;
    }

    /// <summary>The thread control block of the thread that has or had this ring.</summary>
    public static bool TryGetOwner(int index, out nuint threadControlBlock)
    {
        threadControlBlock = IsThere(index) ? s_rings[index].Owner : 0;
        return threadControlBlock != 0;
    }

    private static bool IsFreedBy(FreeRing* ring, nuint address, bool isBefore)
    {
        SpinWait spin = default;
        bool wasOutside = false;
        uint start = CoarseClock.NowTicks;
        for (int turns = 0; ; turns++)
        {
            // Order: acquires what the other did before; pairs with the releases in FreeGate.
            nuint inFlight = Volatile.Read(ref ring->InFlight);
            if ((inFlight & ~(FreeRing.InHeap | FreeRing.NoRecord)) != address)
            {
                return false;
            }

            bool isInHeap = (inFlight & FreeRing.InHeap) != 0;
            if (wasOutside && isInHeap)
            {
                return true;
            }

            wasOutside |= !isInHeap;
            if (((inFlight & FreeRing.NoRecord) != 0 && !isInHeap && isBefore) || turns == WaitLimit
                || CoarseClock.NowTicks - start > WaitTicks)
            {
                return !isInHeap;
            }

            TestHookWaiting?.Invoke();
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    // Once per thread. The ring of an ended thread first, so that a program that starts threads all the time has no more
    // rings to search than threads at a time.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static FreeRing* Assign()
    {
        int threadId = (int)RawSyscall.Invoke(SyscallNumber.Gettid);
        FreeRing* ring = TakeOver(threadId);
        if (ring == null)
        {
            // Order: each index has one owner; a bound once all are out. Readers see an index whose ring is not there yet.
            int index = Volatile.Read(ref s_highest) < RingCount - 1 ? Interlocked.Increment(ref s_highest) : RingCount;
            ring = index < RingCount ? s_rings + index : s_rings;
            if (index < RingCount && Platform.Pages.Commit((nuint)ring, FreeRing.ByteCount))
            {
                ring->ThreadId = threadId;
                // Order: after the ring is usable; pairs with IsThere.
                Volatile.Write(ref s_isCommitted[index], 1);
            }
            else
            {
                ring = s_rings; // no memory, or too many threads
            }
        }

        ring->Owner = ring == s_rings ? 0 : MachineCode.ThreadControlBlock();
        Allocation.ThreadState.FreeRing = (nuint)ring;
        return ring;
    }

    private static FreeRing* TakeOver(int threadId)
    {
        int processId = (int)RawSyscall.Invoke(SyscallNumber.Getpid);
        int count = Count;
        for (int i = 0; i < Math.Min(count, ProbeLimit); i++)
        {
            // Order: spreads the candidates; a repeated one is only wasted work.
            int index = (int)((uint)Interlocked.Increment(ref s_hand) % (uint)count);
            if (index == 0 || !IsThere(index))
            {
                continue;
            }

            // Order: one thread takes a ring over; the others see another owner and go on.
            int owner = Volatile.Read(ref s_rings[index].ThreadId);
            if ((owner == threadId || RawSyscall.Invoke(SyscallNumber.Tgkill, processId, owner, 0) == NoSuchProcess)
                && Interlocked.CompareExchange(ref s_rings[index].ThreadId, threadId, owner) == owner)
            {
                return s_rings + index;
            }
        }

        return null;
    }

    // Order: the ring is usable once this is set; pairs with Assign.
    private static bool IsThere(int index) => Volatile.Read(ref s_isCommitted[index]) != 0;
}
