// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the readable memory of the frozen process as sorted, merged ranges; and "may I read this?".
// Who calls it: the marker for blocks that are not wholly readable, the tracer before it follows a type.
// Safety: a list holds Count entries, and never more than there are mappings.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;

namespace NativeLeak.Roots;

/// <summary>Operations on sorted range lists in child memory.</summary>
[ChildCode]
internal static unsafe class Extents
{
    /// <summary>Builds <see cref="ChildState.Readable"/> and <see cref="ChildState.Heap"/> from the mappings; false when memory is refused.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Build(ChildState* state)
    {
        int capacity = state->MappingCount + 1;
        state->Readable.Items = (MemoryRange*)ChildArena.Allocate((nuint)capacity * (nuint)sizeof(MemoryRange));
        state->Heap.Items = (MemoryRange*)ChildArena.Allocate((nuint)capacity * (nuint)sizeof(MemoryRange));
        if (state->Readable.Items == null || state->Heap.Items == null)
        {
            return false;
        }

        ref readonly ManagedHeapLayout layout = ref state->Context->Managed;
        for (int i = 0; i < state->MappingCount; i++)
        {
            Mapping* mapping = state->Mappings + i;
            if ((mapping->Access & MappingAccess.Read) == 0 || mapping->Kind == MappingKind.Device
                || mapping->Kind == MappingKind.Special)
            {
                continue;
            }

            Append(&state->Readable, mapping->Start, mapping->End);
            bool writable = (mapping->Access & MappingAccess.Write) != 0;
            if (writable && mapping->Start < layout.HeapEnd && mapping->End > layout.HeapStart)
            {
                Append(
                    &state->Heap,
                    mapping->Start > layout.HeapStart ? mapping->Start : layout.HeapStart,
                    mapping->End < layout.HeapEnd ? mapping->End : layout.HeapEnd);
            }
        }

        return true;
    }

    /// <summary>Index of the range that holds <paramref name="address"/>, or −1.</summary>
    [MethodImpl(ChildCode.Options)]
    public static int Find(ExtentList* list, nuint address)
    {
        return SortedRanges.Find(list->Items, sizeof(MemoryRange), list->Count, address);
    }

    /// <summary>Whether all of the range is readable.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Contains(ExtentList* list, nuint address, nuint byteCount)
    {
        int found = Find(list, address);
        return found >= 0 && list->Items[found].End - address >= byteCount;
    }

    /// <summary>The mapping, readable or not, that holds <paramref name="address"/>; null when there is none.</summary>
    [MethodImpl(ChildCode.Options)]
    public static Mapping* MappingOf(ChildState* state, nuint address)
    {
        for (int i = 0; i < state->MappingCount; i++)
        {
            Mapping* mapping = state->Mappings + i;
            if (address - mapping->Start < mapping->End - mapping->Start)
            {
                return mapping;
            }
        }

        return null;
    }

    /// <summary>Marks the blocks that are not wholly readable.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void FlagFragmented(ChildState* state)
    {
        BlockIndex* index = &state->Index;
        int extent = 0;
        for (int i = 0; i < index->Count; i++)
        {
            while (extent < state->Readable.Count && state->Readable.Items[extent].End <= index->Start[i])
            {
                extent++;
            }

            bool whole = extent < state->Readable.Count && state->Readable.Items[extent].Start <= index->Start[i]
                && state->Readable.Items[extent].End >= index->End[i];
            if (!whole)
            {
                index->State[i] |= Reach.Fragmented;
                BlockIndex.SetSlow(index, i);
            }
        }
    }

    /// <summary>Scans what is readable of [start, end) and counts the rest.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void ScanReadableParts(ChildState* state, nuint start, nuint end)
    {
        nuint unread = end - start;
        for (int i = 0; i < state->Readable.Count; i++)
        {
            nuint low = state->Readable.Items[i].Start > start ? state->Readable.Items[i].Start : start;
            nuint high = state->Readable.Items[i].End < end ? state->Readable.Items[i].End : end;
            if (low < high)
            {
                unread -= high - low;
                Marker.ScanWords(state, low, high);
            }
        }

        if (unread != 0)
        {
            // What stands there may point anywhere: the report must not call this scan complete.
            state->Context->Counters->UnreadableBytes += (long)unread;
            state->Context->Counters->Warnings |= (long)Verdicts.ScanWarning.MemoryUnreadable;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Append(ExtentList* list, nuint start, nuint end)
    {
        if (list->Count > 0 && list->Items[list->Count - 1].End == start)
        {
            list->Items[list->Count - 1] = new MemoryRange(list->Items[list->Count - 1].Start, end);
        }
        else
        {
            list->Items[list->Count++] = new MemoryRange(start, end);
        }
    }
}
