// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the few blocks of which a hint says how they are reached or read.
// Who calls it: BlockIndexBuilder notes them; Marker asks where a block's mark says Hinted.
// The one idea: one bit in a block's mark, which the marker has at hand anyway, keeps all other blocks free of cost; only
// behind it annotations are looked up.
// Safety: blocks are indices below the index's Count; annotations come from the frozen table.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Marking;

/// <summary>Hints in the child. Semantics as in kmemleak: scan areas, no_scan, min_count with excess references.</summary>
[ChildCode]
internal static unsafe class HintedBlocks
{
    /// <summary>Flags of a record that make it worth a look.</summary>
    public const BlockFlags Flags = BlockFlags.Annotated | BlockFlags.NotLeak | BlockFlags.Ignored;

    /// <summary>Notes what hints say of a block that enters the index.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Note(ChildState* state, int block, ulong ordinal, BlockFlags flags)
    {
        state->HintNeeds |= (flags & (BlockFlags.NotLeak | BlockFlags.Ignored)) != 0 ? HintNeeds.Seeds : 0;
        if ((flags & BlockFlags.Annotated) == 0)
        {
            return;
        }

        ulong slot = 0;
        BlockAnnotation* note;
        while ((note = Next(state, state->Index.Start[block], ordinal, ref slot)) != null)
        {
            switch (note->Kind)
            {
                case AnnotationKind.NoScan:
                case AnnotationKind.ScanArea:
                case AnnotationKind.Decoder:
                    state->Index.State[block] |= Reach.Hinted;
                    break;
                case AnnotationKind.MinimumReferences:
                    state->Index.State[block] |= Reach.Hinted;
                    state->HintNeeds |= HintNeeds.Counts;
                    break;
                case AnnotationKind.Transient:
                    state->HintNeeds |= note->First >= state->Context->ScanNumber ? HintNeeds.Transient : 0;
                    break;
            }
        }
    }

    /// <summary>Memory for what was noted; false when it was refused.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Prepare(ChildState* state)
    {
        if ((state->HintNeeds & HintNeeds.Counts) == 0)
        {
            return true;
        }

        state->ReferenceCounts = (int*)ChildArena.Allocate(((nuint)state->Index.Count + 1) * sizeof(int));
        return state->ReferenceCounts != null;
    }

    /// <summary>
    /// A pointer to the block was found: whether the block is reached by it, as far as its number of references goes.
    /// </summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Admits(ChildState* state, int block, nuint word)
    {
        BlockAnnotation* note = state->ReferenceCounts == null ? null : Find(state, block, AnnotationKind.MinimumReferences);
        if (note == null || (state->Level == MarkLevel.Strong
            && !Marker.IsStart(state, block, state->Index.State[block], word)))
        {
            return true;
        }

        int wanted = (int)note->First;
        int found = ++state->ReferenceCounts[block];
        if (found > wanted && note->Second != 0)
        {
            HandOver(state, block, (nuint)note->Second);
        }

        return found == wanted;
    }

    /// <summary>Reads of a block what its hints leave to be read.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void ScanBlock(ChildState* state, int block)
    {
        if (Find(state, block, AnnotationKind.NoScan) != null)
        {
            return;
        }

        BlockAnnotation* decoder = Find(state, block, AnnotationKind.Decoder);
        nuint start = state->Index.Start[block], end = state->Index.End[block];
        bool hasAreas = false;
        ulong slot = 0;
        BlockAnnotation* note;
        while ((note = Next(state, start, OrdinalOf(state, block), ref slot)) != null)
        {
            if (note->Kind == AnnotationKind.ScanArea)
            {
                hasAreas = true;
                nuint from = start + (nuint)note->First;
                nuint to = from + (nuint)note->Second;
                ScanPart(state, block, from, to < end ? to : end, decoder);
            }
        }

        if (!hasAreas)
        {
            ScanPart(state, block, start, end, decoder);
        }
    }

    /// <summary>What is noted of a kind about a block; null when nothing is.</summary>
    [MethodImpl(ChildCode.Options)]
    public static BlockAnnotation* Find(ChildState* state, int block, AnnotationKind kind)
    {
        ulong slot = 0, ordinal = OrdinalOf(state, block);
        BlockAnnotation* note;
        while ((note = Next(state, state->Index.Start[block], ordinal, ref slot)) != null)
        {
            if (note->Kind == kind)
            {
                return note;
            }
        }

        return null;
    }

    [MethodImpl(ChildCode.Options)]
    private static void ScanPart(ChildState* state, int block, nuint start, nuint end, BlockAnnotation* decoder)
    {
        if (end > start)
        {
            Marker.ScanContents(state, block, start, end);
            if (decoder != null)
            {
                DecodedWords.Scan(state, start, end, (uint)decoder->First, (nuint)decoder->Second);
            }
        }
    }

    // One reference, and no further: a block that has enough passes on what it gets itself, not what it was handed.
    [MethodImpl(ChildCode.Options)]
    private static void HandOver(ChildState* state, int from, nuint address)
    {
        int target = BlockIndex.Find(&state->Index, address);
        if (target < 0 || target == from || !Marker.IsStart(state, target, state->Index.State[target], address))
        {
            return;
        }

        BlockAnnotation* note = (state->Index.State[target] & Reach.Hinted) == 0
            ? null : Find(state, target, AnnotationKind.MinimumReferences);
        bool isEnough = note == null || ++state->ReferenceCounts[target] >= (int)note->First;
        if (isEnough && (state->Index.State[target] & Reach.Mask) == Reach.None)
        {
            Marker.Reached(state, target, (byte)state->Level);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static BlockAnnotation* Next(ChildState* state, nuint address, ulong ordinal, ref ulong slot)
        => FrozenAnnotations.Next(&state->Context->Annotations, address, ordinal, ref slot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong OrdinalOf(ChildState* state, int block)
        => (state->Context->Records.Entries + state->Index.Record[block])->Ordinal;
}
