// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: answers a question about an address, from the marks of a whole scan.
// Who calls it: ChildScan, last, when something was asked.
// The one idea: every mark knows the word that made it, so a path is read off the marks; who points at a block is a search
// through all memory, and each find is told with whether it counts.
// Safety: lists have the room that AnswerArea says; indices are searched in the block index.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Questions;

/// <summary>The child's side of a question.</summary>
[ChildCode]
internal static unsafe class Answerer
{
    /// <summary>Prepares the tables a question needs, before marking.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Prepare(ChildState* state)
    {
        if (state->Context->Answer != null)
        {
            state->KeepsHolders = 1;
            if (state->Context->Answer->Kind == QuestionKind.Path && state->Tracing != 0)
            {
                ObjectParents.Initialize(state);
            }
        }
    }

    /// <summary>Answers.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Run(ChildState* state)
    {
        AnswerArea* area = state->Context->Answer;
        if (area == null)
        {
            return;
        }

        int block = BlockIndex.Find(&state->Index, area->Address);
        if (block >= 0)
        {
            area->HasBlock = 1;
            Classifier.WriteEntry(state, &area->Block, block, Classifier.VerdictOf(state, block), uint.MaxValue);
        }

        switch (area->Kind)
        {
            case QuestionKind.Who:
                PointerSearch search;
                search.First = block < 0 ? area->Address : state->Index.Start[block];
                search.Last = block < 0 ? area->Address : state->Index.End[block];
                search.Found = &OnPointer;
                PointerSearches.Run(state, &search);
                break;
            case QuestionKind.Dump:
                nuint start = block < 0 ? area->Address : state->Index.Start[block];
                nuint wanted = block < 0 ? AnswerArea.MaximumBytes : area->Block.BlockByteCount;
                wanted = wanted < AnswerArea.MaximumBytes ? wanted : AnswerArea.MaximumBytes;
                nint got = Peek.Copy(state, start, area->Bytes, (nint)wanted);
                area->BytesRead = got < 0 ? 0 : (int)got;
                break;
            case QuestionKind.Path when block >= 0:
                PathFinder.Follow(state, block);
                break;
        }

        area->IsAnswered = 1;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool OnPointer(ChildState* state, nuint at, nuint word)
    {
        AnswerArea* area = state->Context->Answer;
        if (area->PointerCount < AnswerArea.MaximumPointers)
        {
            Standing.Describe(state, at, word, AnswerArea.Pointers(area) + area->PointerCount);
        }

        area->PointerCount++;
        return true;
    }
}
