// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a second marker beside the first: who hands what to whom, and when both are done.
// Who calls it: ChildScan starts and ends it; Marker shares, follows and asks whether all is done.
// The one idea: the helper does the common case only (start pointers to plain blocks, large memory); whatever it meets
// besides, it sends to the first marker, which alone changes anything but marks. It gets work only while the first marker
// drains, so a change of level, or a reader of marks, never meets it.
// Safety: states, rings and the box are child memory that lives as long as both; each ring is written by one side only.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Marking;

/// <summary>Two markers over one set of marks. No locks: marks by an atomic or, work by a box that is full or empty.</summary>
[ChildCode]
internal static unsafe class ParallelMarking
{
    // Below this the helper is not worth its start.
    private const nuint LeastByteCount = 64 << 20;
    private const nuint StackByteCount = 256 << 10;
    private const int BothIdle = 2, SpinCount = 2000;
    private const nint FutexWait = 0, FutexWake = 1, ShortestSleepNanoseconds = 1_000_000;

    // A thread like any of the child's: same memory, same files, ends with it.
    private const nint CloneThreadFlags = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;

    /// <summary>Starts the helper where one is wanted and the memory is worth it; without it all goes on alone.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Start(ChildState* state)
    {
        bool isWanted = state->Context->Markers > 1 && state->SafeMode == 0 && state->Parents.Slots == null
            && (state->Context->StartHelper != null || CountWritable(state) >= LeastByteCount);
        if (!isWanted)
        {
            return;
        }

        ChildState* helper = (ChildState*)ChildArena.Allocate((nuint)sizeof(ChildState));
        SharedMarking* shared = (SharedMarking*)ChildArena.Allocate((nuint)sizeof(SharedMarking));
        byte* stack = ChildArena.Allocate(StackByteCount);
        if (helper == null || shared == null || stack == null)
        {
            return;
        }

        *helper = *state;
        helper->IsHelper = 1;
        if (!MarkerTables.Allocate(helper))
        {
            return;
        }

        helper->Shared = shared;
        state->Shared = shared;
        if (state->Context->StartHelper != null)
        {
            state->Context->StartHelper(helper);
            return;
        }

        nint result = RawThread.Start(CloneThreadFlags, (nint)(stack + StackByteCount), (nint)(delegate*<ChildState*, void>)&Help, (nint)helper);
        state->Shared = result < 0 ? null : shared;
    }

    /// <summary>Lets the helper end.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void End(ChildState* state)
    {
        if (state->Shared != null)
        {
            // Order: release; pairs with the helper's read while it waits.
            Volatile.Write(ref state->Shared->IsEnded, 1);
            Ring(state->Shared);
        }
    }

    /// <summary>The helper's whole life.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Help(ChildState* state)
    {
        while (AwaitWork(state))
        {
            while (true)
            {
                if (WorkQueue.TryTake(state, out WorkItem item))
                {
                    Marker.ScanItem(state, item);
                    Share(state);
                }
                else if (!EdgeQueue.FollowAll(state))
                {
                    break;
                }
            }
        }
    }

    /// <summary>Whether a range is better read in pieces that can be shared.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Splits(ChildState* state, nuint start, nuint end)
        => state->Shared != null && end - start > 2 * WorkQueue.PieceByteCount && end > start
            && state->ObjectInteriorsCount == 0 && state->Objects.Current == 0 && state->Level != MarkLevel.Lost
            && state->FrontierCount < MarkerTables.PieceCapacity - 2;

    /// <summary>Gives half of what waits to the other marker, if that has nothing to do.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Share(ChildState* state)
    {
        // Order: hints only; the box decides.
        if (state->Shared != null && state->FrontierCount > 0 && Volatile.Read(ref state->Shared->Idle) != 0
            && Volatile.Read(ref state->Shared->Box) == SharedMarking.Empty && state->Level != MarkLevel.Lost)
        {
            FillBox(state);
        }
    }

    /// <summary>A word that the helper leaves to the first marker.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Forward(ChildState* state, nuint word, nuint foundAt)
    {
        SharedMarking* shared = state->Shared;
        // Order: acquire; pairs with the first marker's release of a place it has read.
        while (shared->ForwardTail - Volatile.Read(ref shared->ForwardHead) == SharedMarking.ForwardCapacity)
        {
            ChildCpu.Pause();
        }

        nuint* place = (nuint*)shared->ForwardedWords + ((shared->ForwardTail % SharedMarking.ForwardCapacity) * 2);
        place[0] = word;
        place[1] = foundAt;

        // Order: release; the words come before the count. Pairs with the acquire in TryFollow.
        Volatile.Write(ref shared->ForwardTail, shared->ForwardTail + 1);
    }

    /// <summary>Follows one word that the helper sent; false when there is none.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool TryFollow(ChildState* state)
    {
        SharedMarking* shared = state->Shared;
        // Order: acquire; pairs with the release in Forward.
        if (shared == null || Volatile.Read(ref shared->ForwardTail) == shared->ForwardHead)
        {
            return false;
        }

        nuint* place = (nuint*)shared->ForwardedWords + ((shared->ForwardHead % SharedMarking.ForwardCapacity) * 2);
        nuint word = place[0], foundAt = place[1];

        // Order: release; the place was read before it is given back. Pairs with the acquire in Forward.
        Volatile.Write(ref shared->ForwardHead, shared->ForwardHead + 1);
        Marker.ScanWord(state, word, foundAt);
        return true;
    }

    /// <summary>The first marker has nothing left: waits for work, or for the helper to have nothing left either.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool IsDone(ChildState* state)
    {
        SharedMarking* shared = state->Shared;
        if (shared == null)
        {
            return true;
        }

        // Order: full; a marker counts as idle after all that it forwarded and shared.
        Interlocked.Increment(ref shared->Idle);
        bool isDone = false;
        for (int spins = 0; ; spins++)
        {
            // Order: acquire; who was idle in both reads added nothing between them.
            bool areIdle = Volatile.Read(ref shared->Idle) == BothIdle;
            if (Volatile.Read(ref shared->ForwardTail) != shared->ForwardHead)
            {
                break;
            }

            if (areIdle && Volatile.Read(ref shared->Box) == SharedMarking.Empty && Volatile.Read(ref shared->Idle) == BothIdle)
            {
                isDone = true;
                break;
            }

            if (TryEmptyBox(state))
            {
                return false;
            }

            // No progress of ours: if the helper stands still, this is the silence that the watchdog ends.
            Wait(shared, spins);
        }

        // Order: full, as above.
        Interlocked.Decrement(ref shared->Idle);
        return isDone;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool AwaitWork(ChildState* state)
    {
        SharedMarking* shared = state->Shared;
        // Order: full; as in IsDone.
        Interlocked.Increment(ref shared->Idle);
        for (int spins = 0; ; spins++)
        {
            // Order: acquire; pairs with End.
            if (Volatile.Read(ref shared->IsEnded) != 0)
            {
                return false;
            }

            if (TryEmptyBox(state))
            {
                return true;
            }

            Wait(shared, spins);
        }
    }

    // The half that was added last. A large piece is halved itself.
    [MethodImpl(ChildCode.Options)]
    private static void FillBox(ChildState* state)
    {
        SharedMarking* shared = state->Shared;
        // Order: one of two fills; pairs with the exchange of who empties.
        if (Interlocked.CompareExchange(ref shared->Box, SharedMarking.Busy, SharedMarking.Empty) != SharedMarking.Empty)
        {
            return;
        }

        WorkItem* last = state->Frontier + state->FrontierCount - 1;
        nuint byteCount = (nuint)(last->Extent & ~WorkItem.Piece);
        WorkItem* items = (WorkItem*)shared->Items;
        if ((last->Extent & WorkItem.Piece) != 0 && byteCount > 2 * WorkQueue.PieceByteCount)
        {
            nuint half = (byteCount / 2) & ~(nuint)4095;
            items[0].Start = last->Start + half - Marker.Stride;
            items[0].Extent = (byteCount - half + Marker.Stride) | WorkItem.Piece;
            last->Extent = half | WorkItem.Piece;
            shared->ItemCount = 1;
        }
        else
        {
            int count = (state->FrontierCount + 1) / 2;
            count = count < SharedMarking.ItemCapacity ? count : SharedMarking.ItemCapacity;
            state->FrontierCount -= count;
            for (int i = 0; i < count; i++)
            {
                items[i] = state->Frontier[state->FrontierCount + i];
            }

            shared->ItemCount = count;
        }

        shared->Level = state->Level;

        // Order: release; items come before the word. Pairs with the exchange in TryEmptyBox.
        Volatile.Write(ref shared->Box, SharedMarking.Full);
        Ring(shared);
    }

    [MethodImpl(ChildCode.Options)]
    private static bool TryEmptyBox(ChildState* state)
    {
        SharedMarking* shared = state->Shared;
        // Order: acquire by the exchange; pairs with the release in FillBox.
        if (Volatile.Read(ref shared->Box) != SharedMarking.Full
            || Interlocked.CompareExchange(ref shared->Box, SharedMarking.Busy, SharedMarking.Full) != SharedMarking.Full)
        {
            return false;
        }

        // Not idle before the box is empty: else both could look idle with the items in nobody's hands.
        // Order: full.
        Interlocked.Decrement(ref shared->Idle);
        WorkItem* items = (WorkItem*)shared->Items;
        for (int i = 0; i < shared->ItemCount; i++)
        {
            state->Frontier[state->FrontierCount++] = items[i];
        }

        state->Level = shared->Level;

        // Order: release; the items were read. Pairs with the exchange in FillBox.
        Volatile.Write(ref shared->Box, SharedMarking.Empty);
        return true;
    }

    // A moment at full speed, then asleep until the box is filled, or a millisecond has passed.
    [MethodImpl(ChildCode.Options)]
    private static void Wait(SharedMarking* shared, int spins)
    {
        if (spins < SpinCount)
        {
            ChildCpu.Pause();
            return;
        }

        long* timeout = stackalloc long[2];
        timeout[0] = 0;
        timeout[1] = ShortestSleepNanoseconds;

        // Order: full; pairs with Ring: either it sees the sleeper, or the kernel sees the full box.
        Interlocked.Increment(ref shared->Sleepers);
        RawSyscall.Invoke(SyscallNumber.Futex, (nint)(&shared->Box), FutexWait, SharedMarking.Empty, (nint)timeout);
        Interlocked.Decrement(ref shared->Sleepers);
    }

    [MethodImpl(ChildCode.Options)]
    private static void Ring(SharedMarking* shared)
    {
        // Order: full; pairs with Wait.
        if (Interlocked.Or(ref shared->Sleepers, 0) != 0)
        {
            RawSyscall.Invoke(SyscallNumber.Futex, (nint)(&shared->Box), FutexWake, int.MaxValue);
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static nuint CountWritable(ChildState* state)
    {
        const MappingAccess ReadWrite = MappingAccess.Read | MappingAccess.Write;
        nuint sum = 0;
        for (int i = 0; i < state->MappingCount; i++)
        {
            Mapping* mapping = state->Mappings + i;
            sum += (mapping->Access & (ReadWrite | MappingAccess.Shared)) == ReadWrite ? mapping->End - mapping->Start : 0;
        }

        return sum;
    }
}
