// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: conservative marking. Every word that could be an address is looked up; what it points at is reached.
// Who calls it: RootScan (roots), then itself until the frontier is empty; LostGraph for the shape of what is lost.
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
        if (word - state->Index.Lowest <= state->Index.Highest - state->Index.Lowest)
        {
            MarkBlock(state, word, foundAt);
        }

        if (state->Tracing != 0 && word - state->Context->Managed.HeapStart
            < state->Context->Managed.HeapEnd - state->Context->Managed.HeapStart)
        {
            ObjectTracer.Mark(state, word);
        }
    }

    /// <summary>Follows everything that is marked but not read yet, blocks and managed objects, until nothing is left.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Drain(ChildState* state)
    {
        while (true)
        {
            if (state->FrontierCount > 0)
            {
                ScanBlock(state, (int)state->Frontier[--state->FrontierCount]);
            }
            else if (!ObjectTracer.ScanNext(state))
            {
                return;
            }
        }
    }

    /// <summary>Reads the contents of a block.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void ScanBlock(ChildState* state, int block)
    {
        state->CurrentBlock = state->Index.Start[block];
        if ((state->Index.State[block] & Reach.Hinted) != 0)
        {
            HintedBlocks.ScanBlock(state, block);
        }
        else
        {
            ScanContents(state, block, state->Index.Start[block], state->Index.End[block]);
        }

        state->CurrentBlock = 0;
        if (((uint)state->FrontierCount & 0xFFFF) == 0)
        {
            state->View->Progress++;
        }
    }

    /// <summary>Reads a part of a block, or all of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ScanContents(ChildState* state, int block, nuint start, nuint end)
    {
        if ((state->Index.State[block] & Reach.Fragmented) != 0)
        {
            Extents.ScanReadableParts(state, start, end);
        }
        else
        {
            ScanWords(state, start, end);
        }
    }

    // The loop that all the time goes into. shift translates addresses of a copy back to where the words really are.
    [MethodImpl(ChildCode.Options)]
    private static void ScanPiece(ChildState* state, nuint start, nuint end, nuint shift)
    {
        start = (start + Stride - 1) & ~(Stride - 1);
        if (end < start + 8)
        {
            return;
        }

        nuint lowest = state->Index.Lowest, span = state->Index.Highest - lowest;
        nuint heap = state->Context->Managed.HeapStart;
        nuint heapSpan = state->Tracing != 0 ? state->Context->Managed.HeapEnd - heap : 0;
        byte* last = (byte*)(end - 8);

        // Safety: [start, end) is readable (the caller's duty), and the last read begins at end − 8. Reads at 4-byte
        // steps are unaligned half the time, which x64 allows.
        for (byte* p = (byte*)start; p <= last; p += Stride)
        {
            nuint word = *(nuint*)p;
            if (word - lowest <= span)
            {
                MarkBlock(state, word, (nuint)p + shift);
            }

            if (word - heap < heapSpan)
            {
                ObjectTracer.Mark(state, word);
            }
        }
    }

    // In the third attempt: something in this process cannot be read directly, so copy first. Slower, never faults.
    [MethodImpl(ChildCode.Options)]
    private static void ScanSafely(ChildState* state, nuint start, nuint end)
    {
        start = (start + Stride - 1) & ~(Stride - 1);
        while (start + 8 <= end)
        {
            state->View->Progress++;
            nuint want = end - start < state->SafeBufferByteCount ? end - start : state->SafeBufferByteCount;
            nint got = SafeRead.Copy(state->OwnProcessId, start, state->SafeBuffer, (nint)want);
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

    [MethodImpl(ChildCode.Options)]
    private static void MarkBlock(ChildState* state, nuint word, nuint foundAt)
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

        index->State[block] = (byte)(marks | (byte)level);
        state->Frontier[state->FrontierCount++] = (uint)block;
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
            state->Index.State[block] |= Reach.InteriorSeen;
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
