// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a free as it nearly always goes: a known place, a plain record, a pair seen before, nothing held back.
// Who calls it: RecordedMemory.Free and the hook's, before they go the general way.
// The one idea: what is not as usual is noticed before anything was done, or goes on in a method of its own; so all that a
// free knows stays in registers, and the C heap is called from one straight line.
// Safety: as in FreeGate; the block is a block of the C heap, since it has a record.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Misuse;

internal static unsafe partial class FreeGate
{
    private const int HeapHeaderByteCount = 16;

    /// <summary>The slot of an address that is about to be freed. Its cache line is under way, and what the C heap will read: the
    /// block's header and its first words, in a quarter of all blocks another line. They are waited for while an interlocked
    /// operation holds up everything else. Call it first of all.</summary>
    // Safety: a prefetch reads nothing.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint* Approach(nuint address)
    {
        Sse.Prefetch0((byte*)address - HeapHeaderByteCount);
        Sse.Prefetch0((byte*)address);
        return RecordTable.Approach(address);
    }

    /// <summary>Frees a block, all of it: gate and C heap. False: nothing was done, go through <see cref="Enter"/>.</summary>
    /// <param name="thread">The calling thread's block.</param>
    /// <param name="slot">What <see cref="Approach"/> answered for <paramref name="address"/>.</param>
    /// <param name="address">What is freed; not 0.</param>
    /// <param name="api">By which API, if known.</param>
    /// <param name="framePointer">As in <see cref="AllocationCall"/>.</param>
    /// <param name="returnAddress">As in <see cref="AllocationCall"/>.</param>
    // Safety: the frame is one that was remembered, and so lay on this thread's stack: reading there cannot fail.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFree(
        ThreadBlock* thread, uint* slot, nuint address, FreeingApi api, nuint framePointer, nuint returnAddress)
    {
        FreePlace* place = ThreadBlock.PlaceOf(thread, returnAddress);
        FreeRing* ring = thread->Ring;
        if (!s_isPlain || slot == null || ring == null || place->ReturnAddress != returnAddress || place->FramePointer != framePointer
            || place->Outer != ((nuint*)framePointer)[1] || RecordTable.Store is not { } store)
        {
            return false;
        }

        // Order: announced before the record goes (whose exchange is a full fence); pairs with RecentFrees.IsFreedByOther.
        Volatile.Write(ref ring->InFlight, address);
        if (!store.TryTake(slot, address, out uint entry))
        {
            // Order: nothing happened; the general way announces it again.
            Volatile.Write(ref ring->InFlight, 0);
            return false;
        }

        PackedRecord* record = store.RecordOf(entry);
        ulong siteAndOrdinal = record->SiteAndOrdinal, sizeAndState = record->SizeAndState;
        uint byteCount = PackedRecord.SizeOf((uint)sizeAndState);
        if (!RecordStateWord.IsPlain(sizeAndState, (uint)CHeap.QuickByteCount)
            || !FreePairs.IsKnown(PackedRecord.SiteOf(siteAndOrdinal), RecordStateWord.Api((uint)(sizeAndState >> 32)),
                place->Site, api)
            || !store.TryRecycle(thread->Stripe, entry, byteCount))
        {
            FinishSlowly(ring, entry, address, api, (uint)place->Site);
            return true;
        }

        FreeRing.Add(ring, address, byteCount, siteAndOrdinal, sizeAndState, place->Site);
        // Order: as in Pass.
        Volatile.Write(ref ring->InFlight, address | FreeRing.InHeap);
        CHeap.Free((void*)address, byteCount);
        // Order: as in Leave.
        Volatile.Write(ref ring->InFlight, 0);
        return true;
    }

    /// <summary>Prepares the short way for the next free from here. The thread may have no block.</summary>
    public static void Prepare(ThreadBlock* thread, in AllocationCall call)
    {
        if (s_isPlain && thread != null)
        {
            thread->Ring = RecentFrees.Current;
            FreePlaces.Remember(thread, in call);
        }
    }

    // The record is out of its slot, and something about it is not as usual.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FinishSlowly(FreeRing* ring, uint entry, nuint address, FreeingApi api, uint freeSite)
    {
        FreeTicket ticket = default;
        EnterTaken(ring, entry, address, api, freeSite, ref ticket);
        Pass(in ticket, address);
        CHeap.Free((void*)address, ticket.ByteCount);
        Leave(in ticket);
    }

    /// <summary>As <see cref="Enter"/>, for a free whose address is announced and whose record is out of its slot.</summary>
    /// <param name="ring">The calling thread's ring.</param>
    /// <param name="entry">The record's entry.</param>
    /// <param name="address">What is freed.</param>
    /// <param name="api">By which API, if known.</param>
    /// <param name="freeSite">The site of the free.</param>
    /// <param name="ticket">As for <see cref="Enter"/>.</param>
    public static void EnterTaken(
        FreeRing* ring, uint entry, nuint address, FreeingApi api, uint freeSite, ref FreeTicket ticket)
    {
        RemovedBlock removed = RecordTable.Store!.EndRemoval(entry);
        ticket.Ring = ring;
        ticket.FreeSite = freeSite;
        Finish(address, api, in removed, ref ticket, isShort: true);
    }

    // What a removed record means for reports.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(nuint address, FreeingApi api, in RemovedBlock removed, ref FreeTicket ticket, bool isShort)
    {
        Take(ref ticket, removed.ByteCount, removed.Site, removed.BirthTick, removed.Api);
        FreePairs.Note(address, in ticket, api, isShort);
        Remember(in ticket, address);
        if ((removed.Flags & BlockFlags.Annotated) != 0)
        {
            BlockHints.OnFreed(address, removed.Ordinal, removed.Api);
        }
    }
}
