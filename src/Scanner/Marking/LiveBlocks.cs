// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the contents of blocks in the living process, read while their threads may free them.
// Who calls it: Marker.
// The one idea: a free cannot be held back by a reader, since blocks are the C heap's; so a block is read in pieces, and after
// each one its record is asked whether the block is still the same (kmemleak's object->flags between chunks).
// Safety: records are pages of ours that never go away; a record that was used again bears another ordinal.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Marking;

/// <summary>Blocks of the living process.</summary>
[ChildCode]
internal static unsafe class LiveBlocks
{
    private const nuint PieceByteCount = 256 << 10;

    /// <summary>Reads [start, end) of a block as words, as long as it is not freed.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Scan(ChildState* state, int block, nuint start, nuint end)
    {
        while (end - start > PieceByteCount)
        {
            // Half a word more: a pointer may lie across the border.
            Marker.ScanWords(state, start, start + PieceByteCount + 4);
            start += PieceByteCount;
            if (!IsSame(state, block))
            {
                return; // freed: what stands there now is somebody else's, and is read as such by the next pass
            }
        }

        Marker.ScanWords(state, start, end);
    }

    /// <summary>Whether a block of the index has not been freed a moment ago.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool IsSame(ChildState* state, int block)
    {
        uint record = state->Index.Record[block];
        PackedRecord* live = state->Context->LiveRecords.Entries + record;

        // Order: acquire; a record is retired before it is anything else, and its ordinal is written before it is live again.
        uint word = Volatile.Read(ref live->StateWord);
        return (RecordState)(word & RecordStateWord.StateMask) == RecordState.Live
            && live->Ordinal == (state->Context->Records.Entries + record)->Ordinal;
    }
}
