// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the chain of pointers from a block back to a root.
// Who calls it: Answerer.
// The one idea: marking went from roots outwards and noted for each block the word that reached it, and for each object
// what was being read then; going back by these notes meets nothing twice.
// Safety: as for Answerer; an object is read within the length its type gives it.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Marking;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Questions;

/// <summary>Reads a path off the marks.</summary>
[ChildCode]
internal static unsafe class PathFinder
{
    /// <summary>Fills the steps of the answer, from the block's own holder to the root.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Follow(ChildState* state, int block)
    {
        AnswerArea* area = state->Context->Answer;
        if ((state->Index.State[block] & Reach.Mask) is Reach.None or Reach.Young)
        {
            return;
        }

        HolderNote note = state->Holders[block];
        while (area->StepCount < AnswerArea.MaximumSteps && note.Address != 0)
        {
            HolderInfo* step = AnswerArea.Steps(area) + area->StepCount++;
            Standing.Describe(state, note.Address, note.Value, step);
            if (step->Kind == HolderKind.Block)
            {
                note = state->Holders[BlockIndex.Find(&state->Index, note.Address)];
            }
            else if (step->Kind == HolderKind.Object)
            {
                nuint o = note.Object != 0 ? note.Object : ObjectTracer.FindEnclosing(state, note.Address);
                if (state->Parents.Slots == null || !HolderOf(state, o, &note))
                {
                    return;
                }
            }
            else
            {
                area->EndsAtRoot = 1;
                return;
            }
        }
    }

    // The word by which an object was reached: in the object or block that was being read then, or in a root.
    [MethodImpl(ChildCode.Options)]
    private static bool HolderOf(ChildState* state, nuint o, HolderNote* note)
    {
        nuint* pair = ObjectParents.Find(state, o);
        nuint parent = pair[0] == o ? pair[1] : 0;
        *note = default;
        PointerSearch search;
        search.First = o;
        search.Found = &OnWord;
        state->FoundWord = note;
        if (parent != 0)
        {
            int block = BlockIndex.Find(&state->Index, parent);
            bool isBlock = block >= 0 && state->Index.Start[block] == parent;
            search.Last = o;
            note->Object = isBlock ? 0 : parent;
            PointerSearches.InRange(
                state, &search, parent, isBlock ? state->Index.End[block] : parent + ObjectTracer.ByteCount(state, parent) - 8);
        }
        else
        {
            // Stacks and registers may name the inside of an object.
            search.Last = o + ObjectTracer.ByteCount(state, o) - 9;
            search.Found = &OnRootWord;
            PointerSearches.Run(state, &search);
        }

        return note->Address != 0;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool OnWord(ChildState* state, nuint at, nuint word)
    {
        (state->FoundWord->Address, state->FoundWord->Value) = (at, word);
        return false;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool OnRootWord(ChildState* state, nuint at, nuint word)
    {
        HolderInfo info;
        Standing.Describe(state, at, word, &info);
        bool isRoot = info.Standing == (byte)HolderStanding.Counts && info.Kind is not (HolderKind.Object or HolderKind.Block or HolderKind.ManagedHeap);
        return !isRoot || OnWord(state, at, word);
    }
}
