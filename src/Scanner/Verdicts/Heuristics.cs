// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: pointers to the inside of a block that are pointers to it after all, by what stands in the block.
// Who calls it: Marker for interior pointers, RootScan when start pointers have been followed to the end.
// The one idea: a match is only noted while memory is read and counts when no start pointer is left to follow, so neither
// a verdict nor the number of blocks that a heuristic saved depends on which of two pointers was read first.
// Safety: arrays have an entry per block, and every block is noted once; contents are read where the mappings allow it.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.Roots;

namespace NativeLeak.Verdicts;

/// <summary>Working state of the heuristics. In child memory; all zero when none is wanted.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HeuristicState
{
    /// <summary>Per block: number of the heuristic that matched a pointer to its inside, from 1; 0 = none.</summary>
    public byte* MatchOf;

    /// <summary>The blocks with a match, in the order in which they were found.</summary>
    public uint* Matched;
    public int MatchedCount, FollowedCount;
}

/// <summary>Valgrind memcheck's idea (leak-check-heuristics), for what native libraries and COM do behind .NET's back.</summary>
[ChildCode]
internal static unsafe class Heuristics
{
    /// <summary>How many there are.</summary>
    public const int Count = 4;

    // A header is a few words; a terminator one or two bytes, as of strings.
    private const nuint LongestHeaderByteCount = 64, LongestTerminatorByteCount = 2;

    /// <summary>Takes memory when any heuristic is wanted; false when it was refused.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Initialize(ChildState* state)
    {
        if (state->Context->Heuristics == InteriorHeuristics.None)
        {
            return true;
        }

        nuint blocks = (nuint)state->Index.Count + 1;
        state->Heuristics.MatchOf = ChildArena.Allocate(blocks);
        state->Heuristics.Matched = (uint*)ChildArena.Allocate(blocks * sizeof(uint));
        return state->Heuristics.MatchOf != null && state->Heuristics.Matched != null;
    }

    /// <summary>Looks at a pointer to the inside of a block that nothing has reached yet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Note(ChildState* state, int block, nuint word)
    {
        if (state->Heuristics.MatchOf != null && state->Heuristics.MatchOf[block] == 0)
        {
            NoteMatch(state, block, word);
        }
    }

    /// <summary>Reaches what matched and was not reached otherwise, at the level of the marker, and all that hangs from
    /// it.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Follow(ChildState* state)
    {
        HeuristicState* heuristics = &state->Heuristics;
        while (heuristics->FollowedCount < heuristics->MatchedCount)
        {
            int block = (int)heuristics->Matched[heuristics->FollowedCount++];
            if ((state->Index.State[block] & Reach.Mask) != Reach.None)
            {
                continue;
            }

            int number = heuristics->MatchOf[block] - 1;
            state->Context->Counters->Held.SavedBlocks[number]++;
            state->Context->Counters->Held.SavedBytes[number] += (long)(state->Index.End[block] - state->Index.Start[block]);
            Marker.Reached(state, block, (byte)state->Level);
            Marker.Drain(state);
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static void NoteMatch(ChildState* state, int block, nuint word)
    {
        int number = Match(state, block, word);
        if (number != 0)
        {
            state->Heuristics.MatchOf[block] = (byte)number;
            state->Heuristics.Matched[state->Heuristics.MatchedCount++] = (uint)block;
        }
    }

    // Number of the first wanted heuristic that takes the word for a pointer to the block, from 1; 0 = none does.
    [MethodImpl(ChildCode.Options)]
    private static int Match(ChildState* state, int block, nuint word)
    {
        nuint start = state->Index.Start[block], end = state->Index.End[block];
        nuint offset = word - start;
        if (offset < 8 || (word & 3) != 0 || word >= end)
        {
            return 0;
        }

        InteriorHeuristics wanted = state->Context->Heuristics;
        if (offset == 8 && TryRead(state, start, out nuint first) && first != 0)
        {
            if ((wanted & InteriorHeuristics.Length64) != 0 && first == end - word)
            {
                return 1;
            }

            if ((wanted & InteriorHeuristics.NewArray) != 0 && first <= end - word && (end - word) % first == 0)
            {
                return 2;
            }
        }

        if ((wanted & InteriorHeuristics.Header) != 0 && IsBehindHeader(state, start, end, word))
        {
            return 3;
        }

        bool mayBeTable = (wanted & InteriorHeuristics.MultipleInheritance) != 0 && (word & 7) == 0 && end - word >= 8;
        return mayBeTable && PointsAtTable(state, start) && PointsAtTable(state, word) ? 4 : 0;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool IsBehindHeader(ChildState* state, nuint start, nuint end, nuint word)
    {
        if ((word & 7) == 0 && TryRead(state, word - 8, out nuint last) && last == start)
        {
            return true;
        }

        // Lengths of 8 bytes stand at multiples of 8, those of 4 at multiples of 4; all of them below the pointer.
        nuint follows = end - word;
        for (nuint at = start; word - start <= LongestHeaderByteCount && at + 4 <= word; at += 4)
        {
            if (!TryRead(state, at, out nuint value))
            {
                return false;
            }

            bool isWhole = (at & 7) == 0 && at + 8 <= word && IsLength(value, follows);
            if (isWhole || IsLength((uint)value, follows))
            {
                return true;
            }
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsLength(nuint value, nuint follows) => value != 0 && value <= follows && follows - value <= LongestTerminatorByteCount;

    // Whether a word holds the address of a table whose first entry is code.
    [MethodImpl(ChildCode.Options)]
    private static bool PointsAtTable(ChildState* state, nuint address)
        => TryRead(state, address, out nuint table) && (table & 7) == 0 && table >= 65536
            && TryRead(state, table, out nuint code) && MappingSearch.IsCode(state, code);

    [MethodImpl(ChildCode.Options)]
    private static bool TryRead(ChildState* state, nuint address, out nuint value)
    {
        value = 0;
        if (!Extents.Contains(&state->Readable, address, 8))
        {
            return false;
        }

        if (Peek.IsAllowed(state))
        {
            value = Peek.Word(state, address);
            return true;
        }

        nuint copy;
        bool isRead = SafeRead.Copy(state->OwnProcessId, address, &copy, 8) == 8;
        value = isRead ? copy : 0;
        return isRead;
    }
}
