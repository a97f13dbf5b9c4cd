// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the shape of what is lost: which lost block leads, and what hangs from it.
// Who calls it: Classifier, after marking; Marker calls Edge for every pointer found in a lost block.
// The one idea: flood from every unvisited block in order of address and remember where floods began; flood again from
// those beginnings in reverse. A beginning the second pass has not visited yet is reached by no lost block outside its own
// cycle: nothing before it reached it in the first pass, nothing after it in the second. No recursion, any cycle, linear.
// Safety: every block enters the frontier at most once per flood, and the frontier holds one entry per block.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Marking;

namespace NativeLeak.Verdicts;

/// <summary>Groups lost blocks under leaders: one per source component. Kinds as in Valgrind memcheck's leak check.</summary>
[ChildCode]
internal static unsafe class LostGraph
{
    /// <summary>Sets <see cref="ChildState.Leader"/> for every lost block.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Build(ChildState* state)
    {
        state->Level = MarkLevel.Lost;
        state->Tracing = 0; // a dead managed object makes nothing indirect
        Marker.Aim(state);

        // The interior pointers have been judged: their list, twice as long as there are blocks, is free to hold the lost
        // blocks and behind them the beginnings.
        uint* lost = state->InteriorSeen;
        int lostCount = 0;
        for (int i = 0; i < state->Index.Count; i++)
        {
            if (IsLost(state, i))
            {
                lost[lostCount++] = (uint)i;
            }
        }

        Forget(state, lost, lostCount);
        int count = 0;
        uint* beginnings = lost + lostCount;
        for (int i = 0; i < lostCount; i++)
        {
            if (state->Leader[lost[i]] < 0)
            {
                beginnings[count++] = lost[i];
                Flood(state, (int)lost[i]);
            }
        }

        Forget(state, lost, lostCount);
        while (count > 0)
        {
            int block = (int)beginnings[--count];
            if (state->Leader[block] < 0)
            {
                Flood(state, block);
            }
        }
    }

    /// <summary>A pointer to <paramref name="target"/> stands in a block of the current leader.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Edge(ChildState* state, int target, nuint word, nuint foundAt)
    {
        if (IsLost(state, target) && state->Leader[target] < 0)
        {
            HolderNote.Write(state, target, word, foundAt);
            state->Leader[target] = state->CurrentLeader;
            WorkQueue.Add(state, state->Index.Start[target], (nuint)target);
        }
    }

    /// <summary>Whether nothing reaches the block and it is not freed already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLost(ChildState* state, int block)
        => (state->Index.State[block] & (Reach.Mask | Reach.Stale)) == Reach.None;

    [MethodImpl(ChildCode.Options)]
    private static void Flood(ChildState* state, int leader)
    {
        state->CurrentLeader = leader;
        state->Leader[leader] = leader;
        WorkQueue.Add(state, state->Index.Start[leader], (nuint)leader);
        Marker.Drain(state);
    }

    [MethodImpl(ChildCode.Options)]
    private static void Forget(ChildState* state, uint* lost, int count)
    {
        for (int i = 0; i < count; i++)
        {
            state->Leader[lost[i]] = -1;
        }
    }
}
