// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: conservative marking. Every word that could be an address is looked up; what it points at is reached.
// Who calls it: RootScan (roots), then itself until nothing is left to read; LostGraph for the shape of what is lost.
// The one idea: start pointers are followed to the end first; only then may interior pointers claim what is left, so a
// block's verdict never depends on the order in which memory is read (Valgrind's reachable / possible).
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Roots;

namespace NativeLeak.Marking;

/// <summary>The marking loops. Idea: Boehm and Weiser 1988; kmemleak's scan_block; Valgrind's leak check for the kinds.</summary>
[ChildCode]
internal static unsafe class Marker
{
    /// <summary>
    /// Words are read at every 4-byte step, not 8: the runtime lays out thread statics without references 4-aligned
    /// (measured), and packed native structs do the same.
    /// </summary>
    public const nuint Stride = 4;

    private const nuint ProgressByteCount = 4 << 20;

    /// <summary>Reads [start, end) as words and marks what they point at. The range must be readable.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void ScanWords(ChildState* state, nuint start, nuint end)
    {
        if (state->SafeMode != 0)
        {
            ScanSafely(state, start, end);
            return;
        }

        if (ParallelMarking.Splits(state, start, end))
        {
            WorkQueue.AddPieces(state, start, end);
            return;
        }

        if (LinearReading.Wants(state, start, end))
        {
            LinearReading.Scan(state, start, end);
            return;
        }

        while (end - start > ProgressByteCount && end > start)
        {
            state->View->Progress++;
            ScanPiece(state, start, start + ProgressByteCount + 4, 0);
            start += ProgressByteCount;
        }

        ScanPiece(state, start, end, 0);
    }

    /// <summary>Reads one word that came from elsewhere (a register, or memory the parent read for us).</summary>
    [MethodImpl(ChildCode.Options)]
    public static void ScanWord(ChildState* state, nuint word, nuint foundAt)
    {
        Judge(state, word, foundAt);
    }

    /// <summary>Follows everything that is marked but not read yet, blocks and managed objects, until nothing is left.
    /// Before the level changes, everything must have been followed.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Drain(ChildState* state)
    {
        while (true)
        {
            if (WorkQueue.TryTake(state, out WorkItem item))
            {
                ScanItem(state, item);
                ParallelMarking.Share(state);
            }
            else if (!EdgeQueue.FollowAll(state) && !ParallelMarking.TryFollow(state) && !ObjectTracer.ScanNext(state)
                && ParallelMarking.IsDone(state))
            {
                return;
            }
        }
    }

    /// <summary>Reads the contents of a block, or a piece of memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ScanItem(ChildState* state, in WorkItem item)
    {
        if ((item.Extent & WorkItem.Piece) != 0)
        {
            ScanWords(state, item.Start, item.Start + (nuint)(item.Extent & ~WorkItem.Piece));
            return;
        }

        int block = (int)item.Extent;
        byte marks = state->Index.State[block];
        nuint end = state->Index.End[block];
        if ((++state->ItemsRead & 0x3FFF) == 0)
        {
            state->View->Progress++;
        }

        if ((marks & (Reach.Hinted | Reach.Fragmented)) == 0 && WordFilter.IsShort(item.Start, end) && state->ReadsPlainly != 0)
        {
            ScanShort(state, item.Start, end);
            return;
        }

        state->CurrentBlock = item.Start;
        if ((marks & Reach.Hinted) != 0)
        {
            HintedBlocks.ScanBlock(state, block);
        }
        else
        {
            ScanContents(state, block, item.Start, end);
        }

        state->CurrentBlock = 0;
    }

    /// <summary>Gives a block the mark <paramref name="reach"/>, whatever led to it: it will be read, at the level of the
    /// marker.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Reached(ChildState* state, int block, byte reach)
    {
        BlockIndex.AddState(&state->Index, block, reach);
        BlockIndex.SetMark(&state->Index, block);
        WorkQueue.Add(state, state->Index.Start[block], (nuint)block);
    }

    /// <summary>Reads a part of a block, or all of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ScanContents(ChildState* state, int block, nuint start, nuint end)
    {
        if ((state->Index.State[block] & Reach.Fragmented) != 0)
        {
            Extents.ScanReadableParts(state, start, end);
        }
        else if (state->Context->GivenStarts != null)
        {
            LiveBlocks.Scan(state, block, start, end);
        }
        else
        {
            ScanWords(state, start, end);
        }
    }

    // Most blocks are short: no list of hits, no calls.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ScanShort(ChildState* state, nuint start, nuint end)
    {
        // The first unit is the upper half of no word of the block's.
        ulong known = ulong.MaxValue << 1;
        for (nuint at = start; at < end; at += WordFilter.StepByteCount, known = ulong.MaxValue)
        {
            ulong mask = WordFilter.MaskOf(&state->Hits, at) & known;
            mask &= end - at < WordFilter.StepByteCount ? (1UL << (int)((end - at) / 4)) - 1 : ulong.MaxValue;
            for (; mask != 0; mask &= mask - 1)
            {
                nuint foundAt = at + ((nuint)ChildCpu.LowestBit(mask) * 4) - WordFilter.UpperHalf;
                Judge(state, *(nuint*)foundAt, foundAt);
            }
        }
    }

    // A word that the filter named.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Judge(ChildState* state, nuint word, nuint foundAt)
    {
        if (word - state->Index.Lowest <= state->Index.Highest - state->Index.Lowest)
        {
            EdgeQueue.Add(state, word, foundAt);
        }

        if (word - state->ObjectsStart < state->ObjectsByteCount)
        {
            MarkObject(state, word, foundAt);
        }
    }

    /// <summary>All memory but short blocks goes through here. <paramref name="shift"/> translates addresses of a copy back to
    /// where the words really are.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void ScanPiece(ChildState* state, nuint start, nuint end, nuint shift)
    {
        start = (start + Stride - 1) & ~(Stride - 1);
        if (end < start + 8 || state->NothingToFind != 0)
        {
            return;
        }

        WordHits* hits = &state->Hits;
        while (start < end)
        {
            hits->Count = 0;
            start = WordFilter.Find(hits, start, end);
            for (int i = 0; i < hits->Count; i++)
            {
                // Safety: the filter names words inside the range only, which is readable (the caller's duty). They are
                // unaligned half the time, which x64 allows.
                nuint at = hits->Items[i];
                Judge(state, *(nuint*)at, at + shift);
            }
        }
    }

    // Objects are one marker's business.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MarkObject(ChildState* state, nuint word, nuint foundAt)
    {
        if (state->IsHelper != 0)
        {
            ParallelMarking.Forward(state, word, foundAt);
        }
        else
        {
            ObjectTracer.Mark(state, word);
        }
    }

    /// <summary>Tells the filter what matters: addresses of blocks and, while objects are traced, of objects.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Aim(ChildState* state)
    {
        ulong low = ulong.MaxValue, high = 0;
        if (state->Index.Count != 0)
        {
            low = state->Index.Lowest;
            high = state->Index.Highest;
        }

        state->ObjectsStart = 0;
        state->ObjectsByteCount = 0;
        if (state->Tracing != 0)
        {
            nuint start = state->Context->Managed.HeapStart, end = state->Context->Managed.HeapEnd;
            low = start < low ? start : low;
            high = end > high ? end : high;
            state->ObjectsStart = start;
            state->ObjectsByteCount = end - start;
        }

        state->NothingToFind = low > high ? 1 : 0;
        state->ReadsPlainly = state->NothingToFind == 0 && state->SafeMode == 0 && state->Context->GivenStarts == null
            && state->Parents.Slots == null ? 1 : 0;
        state->Hits.High = (uint)(low >> 32);
        state->Hits.HighSpan = (uint)(high >> 32) - state->Hits.High;
    }

    // After two children that died: something in this process cannot be read directly, so copy first. Slower, never faults.
    [MethodImpl(ChildCode.Options)]
    private static void ScanSafely(ChildState* state, nuint start, nuint end)
    {
        start = (start + Stride - 1) & ~(Stride - 1);
        while (start + 8 <= end)
        {
            state->View->Progress++;
            nuint want = end - start < state->SafeBufferByteCount ? end - start : state->SafeBufferByteCount;
            nint got = Peek.Copy(state, start, state->SafeBuffer, (nint)want);
            if (got >= 8)
            {
                // Copy and original are read through different addresses: a self-pointer still names the original.
                ScanPiece(state, (nuint)state->SafeBuffer, (nuint)state->SafeBuffer + (nuint)got, start - (nuint)state->SafeBuffer);
            }

            if ((nuint)(got < 0 ? 0 : got) == want)
            {
                start += want < state->SafeBufferByteCount ? want : want - 4;
                continue;
            }

            if (got < 0 && got != -ErrorNumber.EFAULT)
            {
                // The system refuses such reads altogether: this is no hole, and anything may stand there.
                state->Context->Counters->UnreadableBytes += (long)(end - start);
                state->Context->Counters->Warnings |= (long)Verdicts.ScanWarning.MemoryUnreadable;
                return;
            }

            // A hole: count to the end of the page and go on after it.
            nuint readable = start + (nuint)(got < 0 ? 0 : got);
            nuint next = (readable & ~(nuint)4095) + 4096;
            state->Context->Counters->UnreadableBytes += (long)((next < end ? next : end) - readable);
            start = next;
        }
    }

    /// <summary>Judges a word that may point to a block in every case there is: EdgeQueue has the common one.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void MarkBlock(ChildState* state, nuint word, nuint foundAt)
    {
        BlockIndex* index = &state->Index;
        int block = BlockIndex.Find(index, word);
        if (block < 0)
        {
            return;
        }

        byte marks = index->State[block];
        MarkLevel level = state->Level;
        if (level == MarkLevel.Lost)
        {
            Verdicts.LostGraph.Edge(state, block, word, foundAt);
            return;
        }

        if ((marks & Reach.Hinted) != 0 && !HintedBlocks.Admits(state, block, word))
        {
            return;
        }

        if ((marks & Reach.Mask) != Reach.None)
        {
            return;
        }

        if (level is MarkLevel.Strong or MarkLevel.Frail && !IsStart(state, block, marks, word))
        {
            NoteInterior(state, block, word, foundAt);
            return;
        }

        if (level == MarkLevel.Weak ? state->Holders[block].Value == 0 : state->KeepsHolders != 0)
        {
            HolderNote.Write(state, block, word, foundAt);
        }

        Reached(state, block, (byte)level);
    }

    [MethodImpl(ChildCode.Options)]
    private static void NoteInterior(ChildState* state, int block, nuint word, nuint foundAt)
    {
        bool isSeen = (state->Index.State[block] & Reach.InteriorSeen) != 0;
        if ((isSeen && state->Heuristics.MatchOf == null) || FreeChunks.IsAllocatorPointer(state, block, word, foundAt))
        {
            return;
        }

        Verdicts.Heuristics.Note(state, block, word);
        if (!isSeen)
        {
            BlockIndex.AddState(&state->Index, block, Reach.InteriorSeen);
            state->InteriorSeen[state->InteriorSeenCount++] = (uint)block;
            HolderNote.Write(state, block, word, foundAt);
        }
    }

    /// <summary>Whether a word that points to a block counts as a pointer to its start.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsStart(ChildState* state, int block, byte marks, nuint word)
    {
        nuint offset = word - state->Index.Start[block];
        return offset == 0
            || ((marks & Reach.Prefixed) != 0 && offset == 8)
            || (state->Context->InteriorCountsAsStart != 0 && word < state->Index.End[block]);
    }
}
