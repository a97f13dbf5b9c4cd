// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: words that point at blocks, on their way from where they were read to the line of the index that judges them.
// Who calls it: Marker adds and follows.
// The one idea: the line is asked for when the word is read, and looked at when many words have come together, in one tight
// loop: the waits for memory overlap, and most words end there, since most lead to what is reached already. What a word does
// depends on marks only, never on when it is looked at.
// Safety: the list has Capacity entries; a word in it lies between the lowest and the highest address of blocks, in a region
// that has lines.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.Marking;

/// <summary>A word, where it stood, and the managed object that it is a part of (0 = none).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Edge
{
    public nuint Word;
    public nuint FoundAt;
    public nuint Object;
    public IndexLine* Line;
}

/// <summary>The first of two queues of the marker.</summary>
[ChildCode]
internal static unsafe class EdgeQueue
{
    /// <summary>Words that are followed together; as many lines are on their way from memory.</summary>
    public const int Capacity = 64;

    /// <summary>Adds a word between the lowest and the highest address; when the list is full, all in it are followed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(ChildState* state, nuint word, nuint foundAt)
    {
        uint region = state->Index.Directory[(word >> BlockIndex.RegionShift) - state->Index.FirstRegion];
        if ((int)region <= 0)
        {
            if (region != 0)
            {
                // A region that lies in one block has no lines: the long way needs none.
                FollowSlowly(state, word, foundAt, state->Objects.Current);
            }

            return;
        }

        IndexLine* line = BlockIndex.Line(&state->Index, region, word);
        ChildCpu.Prefetch(line);
        Edge* edge = state->Edges + state->EdgeCount;
        edge->Word = word;
        edge->FoundAt = foundAt;
        edge->Object = state->Objects.Current;
        edge->Line = line;
        if (++state->EdgeCount == Capacity)
        {
            FollowAll(state);
        }
    }

    /// <summary>Follows all words that wait; false when there were none.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool FollowAll(ChildState* state)
    {
        Edge* edge = state->Edges, end = edge + state->EdgeCount;
        state->EdgeCount = 0;
        if (edge == end)
        {
            return false;
        }

        for (; edge != end; edge++)
        {
            // The start of what is reached already?
            nuint word = edge->Word;
            if ((word & (BlockIndex.GranuleByteCount - 1)) != 0
                || ((edge->Line->Marks >> BlockIndex.Granule(word)) & 1) == 0)
            {
                Follow(state, edge, word, edge->Line);
            }
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Follow(ChildState* state, Edge* edge, nuint word, IndexLine* line)
    {
        int granule = BlockIndex.Granule(word);
        ulong bit = 1UL << granule;
        if ((line->Starts & ~line->Slow & bit) != 0 && (word & (BlockIndex.GranuleByteCount - 1)) == 0
            && state->Level is not (MarkLevel.Weak or MarkLevel.Lost))
        {
            Claim(state, edge, line, bit);
            return;
        }

        // Into, or behind, a plain block that is reached: that changes nothing at any level.
        ulong below = line->Starts & (ulong.MaxValue >> (63 - granule));
        if (below == 0 || line->Slow == ulong.MaxValue || (line->Marks & ChildCpu.HighestBitOf(below)) == 0)
        {
            FollowSlowly(state, word, edge->FoundAt, edge->Object);
        }
    }

    // A pointer to the start of a plain block that nothing has reached yet.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Claim(ChildState* state, Edge* edge, IndexLine* line, ulong bit)
    {
        int block = (int)line->First + ChildCpu.CountBits(line->Starts & (bit - 1));
        if (state->Shared == null)
        {
            line->Marks |= bit;
            state->Index.State[block] |= (byte)state->Level;
        }
        else if ((Interlocked.Or(ref line->Marks, bit) & bit) != 0)
        {
            // Order: one of two markers wins; nothing else is published by the bit, what the winner learns travels by queues.
            return;
        }
        else
        {
            BlockIndex.AddState(&state->Index, block, (byte)state->Level);
        }

        if (state->KeepsHolders != 0)
        {
            HolderNote.Write(state->Holders + block, edge->Word, edge->FoundAt, edge->Object);
        }

        WorkQueue.Add(state, edge->Word, (nuint)block);
    }

    [MethodImpl(ChildCode.Options)]
    private static void FollowSlowly(ChildState* state, nuint word, nuint foundAt, nuint o)
    {
        if (state->IsHelper != 0)
        {
            ParallelMarking.Forward(state, word, foundAt);
            return;
        }

        nuint current = state->Objects.Current;
        state->Objects.Current = o;
        Marker.MarkBlock(state, word, foundAt);
        state->Objects.Current = current;
    }
}
