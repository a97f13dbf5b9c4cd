// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: each table is carved from pages taken here, by the same constants as its uses.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;

namespace NativeLeak.Marking;

/// <summary>The memory of one marker's own queues.</summary>
[ChildCode]
internal static unsafe class MarkerTables
{
    /// <summary>Pieces of large ranges that can wait at once, beside all blocks.</summary>
    public const int PieceCapacity = 1 << 16;

    /// <summary>Takes it; false when it was refused.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Allocate(ChildState* state)
    {
        nuint items = (nuint)state->Index.Count + 1 + PieceCapacity;
        state->Frontier = (WorkItem*)ChildArena.AllocateDense(items * (nuint)sizeof(WorkItem));
        state->FrontierCount = 0;
        byte* rings = ChildArena.Allocate(((nuint)EdgeQueue.Capacity * (nuint)sizeof(Edge))
            + (WorkQueue.RingCapacity * (nuint)sizeof(WorkItem)) + (WordHits.Capacity * (nuint)sizeof(nuint)));
        state->Reading.Buffer = ChildArena.Allocate(LinearReading.BufferByteCount);
        if (state->Frontier == null || rings == null || state->Reading.Buffer == null)
        {
            return false;
        }

        state->Edges = (Edge*)rings;
        state->Ring = (WorkItem*)(state->Edges + EdgeQueue.Capacity);
        state->Hits.Items = (nuint*)(state->Ring + WorkQueue.RingCapacity);
        return true;
    }
}
