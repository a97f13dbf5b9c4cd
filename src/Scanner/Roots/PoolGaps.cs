// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: memory that pools hand out piece by piece, kept out of the roots.
// Who calls it: ChildScan builds it; RootScan asks for every piece of root memory while there are pools.
// The one idea: a pool's live pieces are blocks and thus no roots anyway; what else is in its memory is free, or the
// pool's own, and keeps nothing alive (Valgrind does not read it either).
// Safety: the frozen table has Count entries; those without an end are being changed and count as absent.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Annotations;

namespace NativeLeak.Roots;

/// <summary>The pool ranges of one scan: sorted and merged.</summary>
[ChildCode]
internal static unsafe class PoolGaps
{
    /// <summary>Fills <see cref="ChildState.PoolRanges"/>; false when memory for it was refused.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Build(ChildState* state)
    {
        PoolHeader* table = state->Context->Pools.Cell == null ? null : *state->Context->Pools.Cell;
        if (table == null || table->Count == 0)
        {
            return true;
        }

        state->PoolRanges = (MemoryRange*)ChildArena.Allocate((nuint)table->Count * (nuint)sizeof(MemoryRange));
        if (state->PoolRanges == null)
        {
            return false;
        }

        PoolRange* ranges = (PoolRange*)table + 1;
        int count = 0;
        for (long i = 0; i < table->Count; i++)
        {
            if (ranges[i].End > ranges[i].Start)
            {
                state->PoolRanges[count++] = new MemoryRange(ranges[i].Start, ranges[i].End);
            }
        }

        Sort(state->PoolRanges, count);
        state->PoolRangeCount = Merge(state->PoolRanges, count);
        return true;
    }

    /// <summary>Whether a pool has this address.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Contains(ChildState* state, nuint address)
        => SortedRanges.Find(state->PoolRanges, sizeof(MemoryRange), state->PoolRangeCount, address) >= 0;

    /// <summary>Reads of [start, end) what belongs to no pool.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Scan(ChildState* state, nuint start, nuint end)
    {
        int first = SortedRanges.FirstEndingAfter(state->PoolRanges, sizeof(MemoryRange), state->PoolRangeCount, start);
        for (int i = first; start < end; i++)
        {
            MemoryRange* range = i < state->PoolRangeCount ? state->PoolRanges + i : null;
            nuint gapEnd = range != null && range->Start < end ? range->Start : end;
            if (start < gapEnd)
            {
                RootScan.Read(state, start, gapEnd);
            }

            start = gapEnd == end ? end : range->End;
        }
    }

    // Shell's sort, gaps as Gonnet and Baeza-Yates have them: no recursion, no calls.
    [MethodImpl(ChildCode.Options)]
    private static void Sort(MemoryRange* ranges, int count)
    {
        for (int gap = count / 2; gap > 0; gap = gap == 2 ? 1 : (int)((long)gap * 5 / 11))
        {
            for (int i = gap; i < count; i++)
            {
                MemoryRange moved = ranges[i];
                int at = i;
                for (; at >= gap && ranges[at - gap].Start > moved.Start; at -= gap)
                {
                    ranges[at] = ranges[at - gap];
                }

                ranges[at] = moved;
            }
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static int Merge(MemoryRange* ranges, int count)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            if (kept > 0 && ranges[i].Start <= ranges[kept - 1].End)
            {
                nuint end = ranges[i].End > ranges[kept - 1].End ? ranges[i].End : ranges[kept - 1].End;
                ranges[kept - 1] = new MemoryRange(ranges[kept - 1].Start, end);
            }
            else
            {
                ranges[kept++] = ranges[i];
            }
        }

        return kept;
    }
}
