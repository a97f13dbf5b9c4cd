// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the one gate that every free passes, on its way to the C heap or to be withheld from it.
// Who calls it: RecordedMemory (the explicit API) and the bodies of the runtime hook.
// The one idea: an address is announced in the thread's own ring before its record is taken out and until the C heap has
// it back, so that of two frees at the same time the second never meets a moment at which nobody seems to own the block.
// A free that matches what is known locks nothing: it writes a few warm lines and makes three compares.
// Safety: the pointers are only compared and passed on; rings are never given back.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>Frees: what is known of them, what is withheld. Thread-safe; no GC memory on the known path.</summary>
internal static unsafe partial class FreeGate
{
    private static bool s_keepsStacks;
    private static bool s_isPoisoning;
    private static bool s_isHolding;
    private static bool s_isPlain;

    /// <summary>Whether freed blocks must pass <see cref="TryHold"/>, and a reallocation is a new block.</summary>
    public static bool IsHolding
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => s_isHolding;
    }

    /// <summary>Whether new blocks are filled.</summary>
    public static bool IsPoisoning
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => s_isPoisoning;
    }

    /// <summary>Whether every free keeps its whole stack.</summary>
    public static bool KeepsStacks => s_keepsStacks;

    /// <summary>Sets the switches; before the hook is installed, or with threads running: each is one flag.</summary>
    public static void Configure(bool isHolding, bool isPoisoning, bool keepsStacks)
    {
        (s_isHolding, s_isPoisoning, s_keepsStacks) = (isHolding, isPoisoning, keepsStacks);
        Open();
    }

    /// <summary>Lets frees take the short way (<see cref="TryFree"/>) where nothing stands against it. For the recorder, once it
    /// records, and whenever a switch changes.</summary>
    public static void Open()
    {
        s_isPlain = AllocationRecorder.IsRecording && !s_isHolding && !s_isPoisoning && !s_keepsStacks;
        RecorderGates.SetFrees(s_isPlain);
    }

    /// <summary>A free begins: takes the record out, or judges. Then Pass, the C heap, Leave, unless it is withheld.</summary>
    /// <param name="address">What is freed; not 0.</param>
    /// <param name="api">By which API, if known.</param>
    /// <param name="call">The call.</param>
    /// <param name="ticket">All zero before; filled in. By reference throughout: a copy of what was just written in pieces
    /// stalls the processor for longer than all the rest takes.</param>
    public static void Enter(nuint address, FreeingApi api, in AllocationCall call, ref FreeTicket ticket)
    {
        ticket.ByteCount = nuint.MaxValue;
        if (!AllocationRecorder.IsRecording)
        {
            return;
        }

        bool isShort = Announce(address, in call, ref ticket);
        RemovedBlock removed = RecordTable.Remove(address);
        if (!removed.IsFound)
        {
            Unknown(address, api, in call, ref ticket);
            return;
        }

        Finish(address, api, in removed, ref ticket, isShort);
    }

    /// <summary>As <see cref="Enter"/>, for a reallocation: the block may live on, so it is not yet remembered as freed.</summary>
    /// <param name="address">What is reallocated; not 0.</param>
    /// <param name="api">By which API, if known.</param>
    /// <param name="call">The call.</param>
    /// <param name="removed">The record that was taken out.</param>
    /// <param name="ticket">As for <see cref="Enter"/>.</param>
    public static void EnterRealloc(nuint address, FreeingApi api, in AllocationCall call, out BlockRecord removed,
        ref FreeTicket ticket)
    {
        ticket.ByteCount = nuint.MaxValue;
        if (!AllocationRecorder.IsRecording)
        {
            removed = default;
            return;
        }

        bool isShort = Announce(address, in call, ref ticket);
        if (!RecordTable.TryRemove(address, out removed))
        {
            Unknown(address, api, in call, ref ticket);
            return;
        }

        Take(ref ticket, removed.BlockByteCount, removed.Site, removed.BirthTick, removed.Api);
        FreePairs.Note(address, in ticket, api, isShort);
    }

    /// <summary>Remembers a block as freed. For a reallocated one: once it moved, or its size became 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Remember(in FreeTicket ticket, nuint address)
        => FreeRing.Add(ticket.Ring, address, in ticket);

    /// <summary>The block goes to the C heap now: from here on the heap may give it to others at any moment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pass(in FreeTicket ticket, nuint address)
    {
        if (ticket.Ring != null)
        {
            // Order: before all that the C heap writes; pairs with RecentFrees.IsFreedByOther: who sees the address without
            // this bit sees it before anybody can have been given it.
            Volatile.Write(ref ticket.Ring->InFlight, address | FreeRing.InHeap);
        }
    }

    /// <summary>The C heap has the block back (or the quarantine, or a failed reallocation left it as it was).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Leave(in FreeTicket ticket)
    {
        if (ticket.Ring != null)
        {
            // Order: releases what was done to the block; pairs with the wait of a second free of it.
            Volatile.Write(ref ticket.Ring->InFlight, 0);
        }
    }

    /// <summary>Fills a freed block and keeps it in the quarantine. False: it must be freed now.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool TryHold(void* block, in FreeTicket ticket)
    {
        if (!ticket.HasRecord)
        {
            return false;
        }

        if (Quarantine.IsOn && Quarantine.TryHold(block, in ticket))
        {
            return true;
        }

        if (s_isPoisoning)
        {
            PoisonPattern.FillFreed(block, ticket.ByteCount);
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Take(ref FreeTicket ticket, nuint byteCount, uint site, uint birthTick, AllocationApi api)
    {
        ticket.ByteCount = byteCount;
        ticket.Site = site;
        ticket.Birth = (ushort)birthTick;
        ticket.Api = api;
        ticket.HasRecord = true;
    }

    // Whether only the innermost frames of the freeing site are this free's for certain.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Announce(nuint address, in AllocationCall call, ref FreeTicket ticket)
    {
        // Before anything is announced or taken: to look at a new stack makes the runtime allocate and free.
        bool isShort = false;
        ticket.FreeSite = s_keepsStacks
            ? FreePlaces.FindWhole(address, in call)
            : FreePlaces.Find(address, in call, out isShort);
        FreeRing* ring = ticket.Ring = RecentFrees.Current;
        // Order: announced before the record goes (whose exchange is a full fence); pairs with RecentFrees.IsFreedByOther.
        Volatile.Write(ref ring->InFlight, address);
        return isShort;
    }

    // No record: ordinary, or a mistake. Neither judged nor remembered are frees of the detector itself, and frees while
    // blocks without a record are nothing unusual: while sampling, and after a gap.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Unknown(nuint address, FreeingApi api, in AllocationCall call, ref FreeTicket ticket)
    {
        if (DetectorThread.IsInside || PoolBlocks.TryForgetSuperblock(address, out ticket.ByteCount))
        {
            return;
        }

        AllocationRecorder.CountUnknownFree();
        if (!AllocationRecorder.KnowsEveryBlock)
        {
            return;
        }

        // Order: before we look for others; pairs with RecentFrees.IsFreedByOther on their side.
        Volatile.Write(ref ticket.Ring->InFlight, address | FreeRing.NoRecord);
        bool isOverlap = RecentFrees.IsFreedByOther(address, ticket.Ring);
        ticket.IsWithheld =
            FreeJudge.Judge(address, api, ticket.FreeSite, in call, ticket.Ring, isOverlap) == FreeVerdict.Mistake;
        if (ticket.IsWithheld)
        {
            Leave(in ticket);
            return;
        }

        if (ticket.FreeSite == 0)
        {
            ticket.FreeSite = FreePlaces.Learn(in call, s_keepsStacks);
            // Order: what was freed meanwhile took the announcement back; as above.
            Volatile.Write(ref ticket.Ring->InFlight, address | FreeRing.NoRecord);
        }

        // Born when nobody knows: at the latest now.
        FreeRing.Add(ticket.Ring, address,
            ticket with { ByteCount = 0, Birth = (ushort)CoarseClock.NowTicks });
    }
}
