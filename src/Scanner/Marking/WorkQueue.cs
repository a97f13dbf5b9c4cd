// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: memory that is to be read: reached blocks and pieces of large ranges.
// Who calls it: Marker; ParallelMarking hands items from one marker to the other.
// The one idea: a stack for what waits, and a short ring in front of it: what enters the ring is asked for from memory and
// read some items later.
// Safety: the stack has room for every block and for one rest of each large range; every block enters once.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.Marking;

/// <summary>Where to read, and how far.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct WorkItem
{
    /// <summary>Bit of <see cref="Extent"/>: the other bits are a number of bytes, not the number of a block.</summary>
    public const ulong Piece = 1UL << 63;

    public nuint Start;
    public ulong Extent;
}

/// <summary>The second of two queues of the marker.</summary>
[ChildCode]
internal static unsafe class WorkQueue
{
    /// <summary>Items whose memory is on its way.</summary>
    public const uint RingCapacity = 32;

    // Refilled half at a time: a prefetch is over when its address is translated, and translations overlap only if they
    // stand side by side in the program.
    private const uint RefillBelow = RingCapacity / 2;

    /// <summary>Large ranges are read in pieces of this size, so that two markers can share them.</summary>
    public const nuint PieceByteCount = 1 << 20;

    private const nuint LastWordOffset = 48;

    /// <summary>Adds an item.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(ChildState* state, nuint start, ulong extent)
    {
        WorkItem* item = state->Frontier + state->FrontierCount++;
        item->Start = start;
        item->Extent = extent;
    }

    /// <summary>Adds a range that is larger than a piece: its rest, and in front of that its first piece.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void AddPieces(ChildState* state, nuint start, nuint end)
    {
        // The next piece begins 4 bytes early: no word at a 4-byte step is lost between two.
        Add(state, start + PieceByteCount - Marker.Stride, (end - start - PieceByteCount + Marker.Stride) | WorkItem.Piece);
        Add(state, start, PieceByteCount | WorkItem.Piece);
    }

    /// <summary>Takes the item that has been in the ring for longest; false when nothing is left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryTake(ChildState* state, out WorkItem item)
    {
        if (state->RingTail - state->RingHead < RefillBelow && state->FrontierCount > 0)
        {
            Refill(state);
        }

        if (state->RingTail == state->RingHead)
        {
            item = default;
            return false;
        }

        item = state->Ring[state->RingHead++ & (RingCapacity - 1)];
        return true;
    }

    [MethodImpl(ChildCode.Options)]
    private static void Refill(ChildState* state)
    {
        uint tail = state->RingTail, end = state->RingHead + RingCapacity;
        int left = state->FrontierCount;
        for (; tail != end && left > 0; tail++)
        {
            WorkItem next = state->Frontier[--left];
            state->Ring[tail & (RingCapacity - 1)] = next;
            ChildCpu.Prefetch((void*)next.Start);
            ChildCpu.Prefetch((void*)(next.Start + LastWordOffset));
            ChildCpu.Prefetch(state->Index.End + (next.Extent & ~WorkItem.Piece));
        }

        state->RingTail = tail;
        state->FrontierCount = left;
    }
}
