// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: words that point at blocks, on their way from where they were read to the line of the index that judges them.
// Who calls it: Marker adds and follows.
// The one idea: the line is asked for when the word is read and looked at a few words later, so that the wait for memory
// passes while other words are read. What a word does depends on marks only, never on when it is looked at.
// Safety: the ring has Capacity entries; a word in it lies between the lowest and the highest address of blocks.
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
    /// <summary>Entries of the ring; as many lines are on their way from memory.</summary>
    public const uint Capacity = 32;

    /// <summary>Adds a word; when the ring is full, the oldest is followed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(ChildState* state, nuint word, nuint foundAt)
    {
        uint region = state->Index.Directory[(word >> BlockIndex.RegionShift) - state->Index.FirstRegion];
        if (region == 0)
        {
            return;
        }

        // A region that lies in one block has no lines: the long way needs none.
        IndexLine* line = (region & BlockIndex.Covered) != 0 ? null : BlockIndex.Line(&state->Index, region, word);
        ChildCpu.Prefetch(line);
        Edge* edge = state->Edges + (state->EdgeTail & (Capacity - 1));
        if (state->EdgeTail - state->EdgeHead == Capacity)
        {
            state->EdgeHead++;
            if (IsMarked(edge))
            {
                // Most words lead to what is reached already.
                Put(state, edge, word, foundAt, line);
                return;
            }

            Edge oldest = *edge;
            Put(state, edge, word, foundAt, line);
            Follow(state, &oldest);
            return;
        }

        Put(state, edge, word, foundAt, line);
    }

    /// <summary>Follows the oldest word; false when there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFollowOne(ChildState* state)
    {
        if (state->EdgeTail == state->EdgeHead)
        {
            return false;
        }

        Edge oldest = state->Edges[state->EdgeHead++ & (Capacity - 1)];
        Follow(state, &oldest);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(ChildState* state, Edge* edge, nuint word, nuint foundAt, IndexLine* line)
    {
        edge->Word = word;
        edge->FoundAt = foundAt;
        edge->Object = state->Objects.Current;
        edge->Line = line;
        state->EdgeTail++;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsMarked(Edge* edge)
        => edge->Line != null && (edge->Word & (BlockIndex.GranuleByteCount - 1)) == 0
            && ((edge->Line->Marks >> BlockIndex.Granule(edge->Word)) & 1) != 0;

    [MethodImpl(ChildCode.Options)]
    private static void Follow(ChildState* state, Edge* edge)
    {
        IndexLine* line = edge->Line;
        nuint word = edge->Word;
        if (line != null && (word & (BlockIndex.GranuleByteCount - 1)) == 0)
        {
            ulong bit = 1UL << BlockIndex.Granule(word);
            if ((line->Marks & bit) != 0)
            {
                return;
            }

            if ((line->Starts & ~line->Slow & bit) != 0 && state->Level is not (MarkLevel.Weak or MarkLevel.Lost))
            {
                Claim(state, edge, line, bit);
                return;
            }
        }

        FollowSlowly(state, edge);
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
    private static void FollowSlowly(ChildState* state, Edge* edge)
    {
        if (state->IsHelper != 0)
        {
            ParallelMarking.Forward(state, edge->Word, edge->FoundAt);
            return;
        }

        nuint current = state->Objects.Current;
        state->Objects.Current = edge->Object;
        Marker.MarkBlock(state, edge->Word, edge->FoundAt);
        state->Objects.Current = current;
    }
}
