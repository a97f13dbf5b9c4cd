// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the phases of a scan that hints ask for.
// Who calls it: Classifier, between the roots and what only interior pointers reach, and again before young blocks.
// The one idea: hints come after the roots, so that a block that is reachable anyway counts as that, and before everything
// weaker, so that what a hint hides is hidden whatever else points to it.
// Safety: indices stay below the index's Count.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Roots;

namespace NativeLeak.Verdicts;

/// <summary>Blocks that are no leaks by hint (kmemleak's grey and black objects, LeakSanitizer's ignored ones).</summary>
[ChildCode]
internal static unsafe class HintPhases
{
    /// <summary>First what NotLeak blocks point to is reachable, then what ignored ones point to is ignored.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void MarkIgnored(ChildState* state)
    {
        if ((state->HintNeeds & HintNeeds.Seeds) != 0)
        {
            state->Level = MarkLevel.Strong;
            Seed(state, BlockFlags.NotLeak);
            state->Level = MarkLevel.Ignored;
            Seed(state, BlockFlags.Ignored);
        }
    }

    /// <summary>Blocks on their way from one holder to another count as young in this scan.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void MarkTransient(ChildState* state)
    {
        if ((state->HintNeeds & HintNeeds.Transient) == 0 || state->Context->IsLast != 0)
        {
            return;
        }

        state->Level = MarkLevel.Young;
        for (int i = 0; i < state->Index.Count; i++)
        {
            if (LostGraph.IsLost(state, i) && (FlagsOf(state, i) & BlockFlags.Annotated) != 0 && IsTransient(state, i))
            {
                Marker.Reached(state, i, Reach.Young);
            }
        }

        Marker.Drain(state);
    }

    /// <summary>Counts what hints hide.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void CountIgnored(ChildState* state)
    {
        ScanContext* context = state->Context;
        for (int i = 0; (state->HintNeeds & HintNeeds.Seeds) != 0 && i < state->Index.Count; i++)
        {
            if ((state->Index.State[i] & (Reach.Mask | Reach.Stale)) == Reach.Ignored)
            {
                PackedRecord* record = context->Records.Entries + state->Index.Record[i];
                nuint byteCount = PackedRecord.ReadByteCount(record, context->Records.Entries);
                context->Counters->Ignored.Blocks++;
                context->Counters->Ignored.Bytes += (long)byteCount;
                SampleWeight.Add(ref context->Counters->Ignored.Estimate, byteCount, context->SampleInterval);
            }
        }
    }

    // All of them before any is followed, so that none depends on another's place. A block that native code freed holds
    // somebody else's words.
    [MethodImpl(ChildCode.Options)]
    private static void Seed(ChildState* state, BlockFlags flag)
    {
        for (int i = 0; i < state->Index.Count; i++)
        {
            if ((state->Index.State[i] & Reach.Mask) == Reach.None && (FlagsOf(state, i) & flag) != 0
                && !FreeChunks.IsFreed(state, i))
            {
                Marker.Reached(state, i, Reach.Ignored);
            }
        }

        Marker.Drain(state);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static BlockFlags FlagsOf(ChildState* state, int block)
        => RecordStateWord.Flags((state->Context->Records.Entries + state->Index.Record[block])->StateWord);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsTransient(ChildState* state, int block)
    {
        BlockAnnotation* note = HintedBlocks.Find(state, block, AnnotationKind.Transient);
        return note != null && note->First >= state->Context->ScanNumber;
    }
}
