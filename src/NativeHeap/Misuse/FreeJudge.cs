// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: decides about a free whose address has no record: ordinary (an early or a native block), or a mistake.
// Who calls it: FreeGate, on the thread that frees.
// The one idea: a mistake is only what cannot be anything else. The rings and the quarantine remember, but an address
// may have been handed out again by native code, so the C heap itself must say that no block is in use there; in doubt
// the free goes on as it would have gone without us. What is certain is noted and not passed on, because glibc would
// end the process.
// Safety: the address is never dereferenced here; HeapChunk and its helpers read with care.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>What <see cref="FreeJudge"/> decides.</summary>
internal enum FreeVerdict
{
    /// <summary>Pass it on to the C heap.</summary>
    Ordinary,

    /// <summary>A mistake, noted: do not pass it on.</summary>
    Mistake,
}

/// <summary>Judges frees without a record. Thread-safe; cold.</summary>
internal static unsafe class FreeJudge
{
    private const nuint BstrPrefixByteCount = 8;
    private const nuint WarmUpByteCount = 64;
    private const nuint RedZoneByteCount = 128;

    private static MemoryRange s_managedHeap;

    /// <summary>Where the managed heap lies, if that is known: no block of the C heap is ever there.</summary>
    public static void SetManagedHeap(MemoryRange range) => s_managedHeap = range;

    /// <summary>
    /// Asks all questions once, about a block in use: what the runtime allocates when code runs for the first time could be given
    /// the very block that is judged. Cold.
    /// </summary>
    public static void WarmUp()
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        void* block = CHeap.Malloc(WarmUpByteCount);
        if (block != null)
        {
            FreeRing* ring = RecentFrees.Current;
            bool isFreed = RecentFrees.IsFreedByOther((nuint)block, ring) || ThreadCaches.Contain((nuint)block)
                || FastLists.Contain((nuint)block) || FreeSpans.Contain((nuint)block);
            if (!isFreed)
            {
                Judge((nuint)block, FreeingApi.Unknown, 0, default, ring, isOverlap: false);
            }

            CHeap.Free(block, WarmUpByteCount);
        }
    }

    /// <summary>Judges one free.</summary>
    /// <param name="address">What was freed.</param>
    /// <param name="api">By which API, if known.</param>
    /// <param name="freeSite">Its site; 0: found out if needed.</param>
    /// <param name="call">Its call.</param>
    /// <param name="ring">The calling thread's ring, which has announced the address.</param>
    /// <param name="isOverlap">What <see cref="RecentFrees.IsFreedByOther"/> found.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static FreeVerdict Judge(nuint address, FreeingApi api, uint freeSite, in AllocationCall call, FreeRing* ring,
        bool isOverlap)
    {
        MisuseEntry entry = new() { Address = address, BlockAddress = address, FreeApi = api, Count = 1 };
        if (Quarantine.TryFind(address, out FreedBlock known))
        {
            return Note(ref entry, MisuseCode.DoubleFree, in known, freeSite, in call);
        }

        // There was no record when this free began: if there is one, the block is somebody else's since.
        if (isOverlap || (Quarantine.HasHeld && RecentFrees.IsFreedByOther(address, ring)) || HasRecord(address))
        {
            RecentFrees.TryFind(address, out known);
            return Note(ref entry, MisuseCode.DoubleFree, in known, freeSite, in call);
        }

        if (TryFindRule(ref entry))
        {
            return Note(ref entry, entry.Code, default, freeSite, in call);
        }

        ChunkState state = HeapChunk.Look(address);
        if ((state is ChunkState.Free or ChunkState.NoChunk) && TryFindLiveBlock(ref entry))
        {
            return Note(ref entry, entry.Code, default, freeSite, in call);
        }

        if (state == ChunkState.Unknown)
        {
            return FreeVerdict.Ordinary;
        }

        bool isRemembered = RecentFrees.TryFind(address, out known);
        bool isCertain = state is ChunkState.Free or ChunkState.NoChunk
            || (state == ChunkState.MayBeInThreadCache && ThreadCaches.Contain(address))
            || (isRemembered && state != ChunkState.InUse && FastLists.Contain(address))
            || (isRemembered && FreeSpans.Contain(address));
        if (!isCertain)
        {
            return FreeVerdict.Ordinary;
        }

        entry.Reason = isRemembered ? InvalidFreeReason.None : InvalidFreeReason.NoBlock;
        entry.BlockAddress = isRemembered ? address : 0;
        return Note(ref entry, isRemembered ? MisuseCode.DoubleFree : MisuseCode.InvalidFree, in known, freeSite, in call);
    }

    /// <summary>Whether a block with a record starts there at this moment.</summary>
    public static bool HasRecord(nuint address)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        bool isFound = RecordTable.TryFind(in guard, address, out RecordHandle found);
        if (isFound)
        {
            found.Dispose();
        }

        return isFound;
    }

    // Places where the C heap has nothing: known without asking it.
    private static bool TryFindRule(ref MisuseEntry entry)
    {
        nuint here = (nuint)(&here) - RedZoneByteCount;
        bool isOnStack = entry.Address - here < StackWalker.StackEnd - here && StackWalker.StackEnd > here;
        if (isOnStack || s_managedHeap.Contains(entry.Address))
        {
            entry.Code = MisuseCode.InvalidFree;
            entry.Reason = isOnStack ? InvalidFreeReason.OnStack : InvalidFreeReason.InManagedHeap;
            entry.BlockAddress = 0;
            return true;
        }

        return false;
    }

    // Inside a block with a record. The record can be stale (native code freed the block, and the heap gave a part of it
    // away): then a sound chunk begins at the address, and nothing is concluded.
    private static bool TryFindLiveBlock(ref MisuseEntry entry)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        if (RecordTable.TryFindInterior(in guard, entry.Address, out RecordHandle inside))
        {
            using (inside)
            {
                bool isBstr = (inside.Record.Flags & BlockFlags.BstrPrefixed) != 0
                    && entry.Address - inside.Record.Address == BstrPrefixByteCount;
                Describe(ref entry, inside.Record, isBstr);
            }

            return true;
        }

        // FreeBSTR of what is no BSTR: the length prefix is taken off a pointer that has none.
        if (RecordTable.TryFind(in guard, entry.Address + BstrPrefixByteCount, out RecordHandle behind))
        {
            using (behind)
            {
                Describe(ref entry, behind.Record, isOtherFamily: true);
            }

            return true;
        }

        return false;
    }

    private static void Describe(ref MisuseEntry entry, BlockRecord record, bool isOtherFamily)
    {
        entry.Code = isOtherFamily ? MisuseCode.MismatchedFree : MisuseCode.InvalidFree;
        entry.Reason = isOtherFamily ? InvalidFreeReason.None : InvalidFreeReason.InsideBlock;
        entry.BlockAddress = record.Address;
        entry.ByteCount = record.BlockByteCount;
        entry.Site = record.Site;
        entry.Api = record.Api;
    }

    private static FreeVerdict Note(ref MisuseEntry entry, MisuseCode code, in FreedBlock known, uint freeSite,
        in AllocationCall call)
    {
        entry.Code = code;
        if (known.Address != 0)
        {
            entry.ByteCount = known.ByteCount;
            entry.Site = known.Site;
            entry.Api = known.Api;
            entry.FirstFreeSite = known.FreeSite;
        }

        entry.FreeSite = freeSite != 0 ? freeSite : SiteDepot.Intern(in call, StackWalker.StackEnd, out _);
        MisuseLog.Add(in entry);
        return FreeVerdict.Mistake;
    }
}
