// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: builds the sorted block index of one scan from the frozen record table, in linear time.
// Who calls it: ChildScan, first thing in the child.
// The one idea: the table's index lies in order of address, so its walk yields the blocks sorted; then one pass removes
// blocks that a younger one lies over (freed behind our back and handed out again), so that the rest are disjoint.
// Safety: arrays have room for every record there is; the walk stops at their end.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Marking;

/// <summary>Builds <see cref="BlockIndex"/>.</summary>
[ChildCode]
internal static unsafe class BlockIndexBuilder
{
    // Records lie in order of allocation, not of address: each is fetched so many blocks ahead.
    private const uint PrefetchDistance = 24;

    /// <summary>Fills <see cref="ChildState.Index"/>; false when memory for it was refused.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Build(ChildState* state)
    {
        FrozenRecords* frozen = &state->Context->Records;
        BlockIndex* index = &state->Index;

        // Address space for all that could be live; only what is gets touched.
        nuint n = (nuint)frozen->HighWater + 1;
        nuint* oddStarts = (nuint*)ChildArena.Allocate(n * (nuint)sizeof(nuint));
        uint* oddRecords = (uint*)ChildArena.Allocate(n * sizeof(uint));
        index->Start = (nuint*)ChildArena.AllocateDense((n * ((2 * (nuint)sizeof(nuint)) + sizeof(uint) + 1)) + sizeof(uint));
        if (oddStarts == null || oddRecords == null || index->Start == null)
        {
            return false;
        }

        // The smallest elements last, so that all are aligned; four of them are changed at once (BlockIndex.AddState).
        index->End = index->Start + n;
        index->Record = (uint*)(index->End + n);
        index->State = (byte*)(index->Record + n);

        uint live = state->Context->GivenStarts != null ? TakeGiven(state) : FrozenRecords.Collect(frozen, index->Start, index->Record, oddStarts, oddRecords, (uint)n - 1,
            ref state->View->Progress);
        ChildArena.Free(oddStarts, n * (nuint)sizeof(nuint));
        ChildArena.Free(oddRecords, n * sizeof(uint));
        Fill(state, live);
        return EnterRegions(state) && EnterLines(state);
    }

    [MethodImpl(ChildCode.Options)]
    private static uint TakeGiven(ChildState* state)
    {
        uint count = state->Context->GivenCount;
        for (uint i = 0; i < count; i++)
        {
            state->Index.Start[i] = state->Context->GivenStarts[i];
            state->Index.Record[i] = state->Context->GivenRecords[i];
        }

        return count;
    }

    // Of two blocks that overlap the older one cannot exist any more: native code freed it and its memory was handed out
    // again. Its record stays until the address itself is seen again; the scan just leaves it out. Where it cannot be told
    // which is older, neither is judged, and their memory is read as that of others: a stale record must not be called a leak.
    [MethodImpl(ChildCode.Options)]
    private static void Fill(ChildState* state, uint live)
    {
        BlockIndex* index = &state->Index;
        PackedRecord* entries = state->Context->Records.Entries;
        int kept = 0;
        for (uint i = 0; i < live; i++)
        {
            // Behind the last block stands record 0, which exists.
            ChildCpu.Prefetch(entries + index->Record[i + PrefetchDistance < live ? i + PrefetchDistance : live]);
            PackedRecord* record = entries + index->Record[i];
            nuint start = index->Start[i];
            bool keep = true;
            while (kept > 0 && index->End[kept - 1] > start)
            {
                PackedRecord* before = entries + index->Record[kept - 1];
                if (!AreOrdered(record, before))
                {
                    // One of them, whichever it is.
                    CountStale(state, before);
                    kept--;
                    keep = false;
                    break;
                }

                if (!PackedRecord.IsYounger(record->Ordinal, before->Ordinal))
                {
                    CountStale(state, record);
                    keep = false;
                    break;
                }

                CountStale(state, before);
                kept--;
            }

            if (keep)
            {
                // A block of no bytes still has an address of its own: it counts as one byte when pointers are looked up.
                nuint byteCount = PackedRecord.ReadByteCount(record, entries);
                index->Start[kept] = start;
                index->End[kept] = start + (byteCount == 0 ? 1 : byteCount);
                index->Record[kept] = index->Record[i];
                BlockFlags flags = RecordStateWord.Flags(record->StateWord);
                index->State[kept] = (flags & BlockFlags.BstrPrefixed) != 0 ? Reach.Prefixed : Reach.None;
                if ((flags & HintedBlocks.Flags) != 0)
                {
                    HintedBlocks.Note(state, kept, record->Ordinal, flags);
                }

                kept++;
            }

            if ((i & 0xFFFF) == 0)
            {
                state->View->Progress++;
            }
        }

        index->Count = kept;
        index->Lowest = kept == 0 ? 0 : index->Start[0];
        index->Highest = kept == 0 ? 0 : index->End[kept - 1];
        CountLive(state);
    }

    // Sequences count within a tick and a thread.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AreOrdered(PackedRecord* one, PackedRecord* other)
        => (one->Ordinal ^ other->Ordinal) >> PackedRecord.SequenceBits != 0
            || RecordStateWord.Thread(one->StateWord) == RecordStateWord.Thread(other->StateWord);

    [MethodImpl(ChildCode.Options)]
    private static void CountLive(ChildState* state)
    {
        BlockIndex* index = &state->Index;
        ScanCounters* counters = state->Context->Counters;
        PackedRecord* entries = state->Context->Records.Entries;
        for (int i = 0; i < index->Count; i++)
        {
            nuint byteCount = index->End[i] - index->Start[i];
            byteCount = byteCount == 1 ? PackedRecord.ReadByteCount(entries + index->Record[i], entries) : byteCount;
            counters->Live.Blocks++;
            counters->Live.Bytes += (long)byteCount;
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static void CountStale(ChildState* state, PackedRecord* record)
    {
        state->Context->Counters->FreedBehindOurBack.Blocks++;
        state->Context->Counters->FreedBehindOurBack.Bytes
            += (long)PackedRecord.ReadByteCount(record, state->Context->Records.Entries);
    }

    // Which regions have lines of their own, and which lie in one block.
    [MethodImpl(ChildCode.Options)]
    private static bool EnterRegions(ChildState* state)
    {
        BlockIndex* index = &state->Index;
        index->FirstRegion = index->Lowest >> BlockIndex.RegionShift;
        nuint last = index->Highest >> BlockIndex.RegionShift;
        index->Directory = (uint*)ChildArena.Allocate((last - index->FirstRegion + 1) * sizeof(uint));
        if (index->Directory == null)
        {
            return false;
        }

        uint used = 0;
        for (int i = 0; i < index->Count; i++)
        {
            nuint first = (index->Start[i] >> BlockIndex.RegionShift) - index->FirstRegion;
            nuint end = (index->End[i] >> BlockIndex.RegionShift) - index->FirstRegion;
            used = Use(index, first, used);
            for (nuint region = first + 1; region < end; region++)
            {
                index->Directory[region] = BlockIndex.Covered | (uint)i;
            }

            used = end == first ? used : Use(index, end, used);
        }

        nuint byteCount = (nuint)used * BlockIndex.RegionLineCount * (nuint)sizeof(IndexLine);
        index->Lines = (IndexLine*)ChildArena.AllocateDense(byteCount);
        return index->Lines != null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Use(BlockIndex* index, nuint region, uint used)
    {
        if (index->Directory[region] == 0)
        {
            index->Directory[region] = ++used;
        }

        return used;
    }

    // In order of address, so that every line is complete before the next begins. What is not plain is told here but for
    // blocks that are not wholly readable (Extents.FlagFragmented).
    [MethodImpl(ChildCode.Options)]
    private static bool EnterLines(ChildState* state)
    {
        BlockIndex* index = &state->Index;
        for (int i = 0; i < index->Count; i++)
        {
            nuint start = index->Start[i];
            IndexLine* line = BlockIndex.LineOf(index, i);
            ulong bit = 1UL << BlockIndex.Granule(start);
            line->First = line->Count == 0 ? (uint)i : line->First;
            line->Count++;

            // Two starts in a granule, or one inside of it: bits cannot tell.
            bool isTold = (start & (BlockIndex.GranuleByteCount - 1)) == 0 && (line->Starts & bit) == 0;
            line->Starts |= bit;
            line->Slow |= isTold ? (index->State[i] & Reach.Hinted) != 0 ? bit : 0 : ulong.MaxValue;
            if ((index->End[i] ^ start) >> BlockIndex.LineShift != 0)
            {
                EnterTail(index, i);
            }

            if ((i & 0xFFFF) == 0)
            {
                state->View->Progress++;
            }
        }

        return true;
    }

    // The lines behind a block's first that it reaches into.
    [MethodImpl(ChildCode.Options)]
    private static void EnterTail(BlockIndex* index, int block)
    {
        const nuint LineByteCount = (nuint)1 << BlockIndex.LineShift, RegionByteCount = (nuint)1 << BlockIndex.RegionShift;
        nuint end = index->End[block];
        for (nuint at = (index->Start[block] | (LineByteCount - 1)) + 1; at <= end;)
        {
            uint region = index->Directory[(at >> BlockIndex.RegionShift) - index->FirstRegion];
            if ((region & BlockIndex.Covered) != 0)
            {
                at = (at | (RegionByteCount - 1)) + 1;
                continue;
            }

            BlockIndex.Line(index, region, at)->First = (uint)block + 1;
            at += LineByteCount;
        }
    }
}
