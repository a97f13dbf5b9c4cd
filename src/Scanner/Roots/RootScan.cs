// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: everything that is alive by definition, read in the child.
// Who calls it: ChildScan, after the index is built.
// The one idea: all writable memory is a root unless we know better: tracked blocks (read only when reached), the managed
// heap (traced), our own pages, the dead part of stacks, stacks of exited threads, and free chunks of the C heap.
// Safety: ranges come from the list of mappings of this very child and are readable; others go through Extents.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Roots;

/// <summary>Reads the roots and follows them to the end.</summary>
[ChildCode]
internal static unsafe class RootScan
{
    /// <summary>Scans every root, strongest first; afterwards every reachable block is marked Strong.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Run(ChildState* state)
    {
        state->Level = MarkLevel.Strong;
        ScanRegisters(state);
        ScanRegisteredRoots(state);
        for (int i = 0; i < state->MappingCount; i++)
        {
            ScanMapping(state, i);
            Marker.Drain(state);
        }

        ScanLiveWords(state);
        Marker.Drain(state);
        Verdicts.Heuristics.Follow(state);
        FrailRoots.Run(state);
    }

    // General and vector registers, from the signal frames in which the threads were parked.
    [MethodImpl(ChildCode.Options)]
    private static void ScanRegisters(ChildState* state)
    {
        if (state->Context->SkipsStacks != 0)
        {
            return;
        }

        state->ObjectInteriorsCount = 1;
        for (int i = 0; i < state->View->ThreadCount; i++)
        {
            ParkedThread* thread = state->View->Threads + i;
            if (thread->State != ThreadParkState.Parked)
            {
                continue;
            }

            ScanIfReadable(state, thread->Registers.Start, thread->Registers.End);
            ScanVectorRegisters(state, thread->VectorRegisters);
        }

        for (int i = 0; state->Context->ExitFrames != null && i < state->Context->ExitFrames->Count; i++)
        {
            MemoryRange saved = ExitFrames.SavedRegisters(state->Context->ExitFrames, i);
            ScanIfReadable(state, saved.Start, saved.End);
        }

        state->ObjectInteriorsCount = 0;
        Marker.Drain(state);
    }

    // Between and behind the components that are in use stands what the stack held before.
    [MethodImpl(ChildCode.Options)]
    private static void ScanVectorRegisters(ChildState* state, MemoryRange area)
    {
        nuint header = area.Start + VectorParts.LegacyByteCount;
        if (state->Context->VectorPartCount == 0 || area.End - area.Start <= VectorParts.LegacyByteCount
            || !Extents.Contains(&state->Readable, header, sizeof(ulong)) || !Peek.IsAllowed(state))
        {
            ScanIfReadable(state, area.Start, area.End);
            return;
        }

        ScanIfReadable(state, area.Start, header);
        nuint inUse = Peek.Word(state, header);
        for (int i = VectorParts.First; i < state->Context->VectorPartCount; i++)
        {
            nuint end = area.Start + state->Context->VectorParts[i].End;
            if (((inUse >> i) & 1) != 0 && end <= area.End)
            {
                ScanIfReadable(state, area.Start + state->Context->VectorParts[i].Start, end);
            }
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static void ScanIfReadable(ChildState* state, nuint start, nuint end)
    {
        if (end > start && Extents.Contains(&state->Readable, start, end - start))
        {
            state->Context->Counters->RootBytes += (long)(end - start);
            Marker.ScanWords(state, start, end);
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static void ScanRegisteredRoots(ChildState* state)
    {
        for (int i = 0; i < state->Context->RegisteredRootCount; i++)
        {
            RootEntry* range = state->Context->RegisteredRoots + i;
            if (range->End > range->Start)
            {
                state->Context->Counters->RootBytes += (long)(range->End - range->Start);
                Extents.ScanReadableParts(state, range->Start, range->End);
                DecodedWords.Scan(state, range->Start, range->End, range->DecoderForm, range->DecoderValue);
            }
        }

        Marker.Drain(state);
    }

    [MethodImpl(ChildCode.Options)]
    private static void ScanMapping(ChildState* state, int mappingIndex)
    {
        Mapping* mapping = state->Mappings + mappingIndex;
        if ((mapping->Access & (MappingAccess.Read | MappingAccess.Write)) != (MappingAccess.Read | MappingAccess.Write))
        {
            return;
        }

        if (mapping->Kind == MappingKind.Device)
        {
            state->Context->Counters->Warnings |= (long)ScanWarning.DeviceMemorySkipped;
            return;
        }

        if (mapping->Kind == MappingKind.Special || ((mapping->Access & MappingAccess.Shared) != 0 && state->Reader == null))
        {
            return; // shared memory is no snapshot: the parent read it while everything stood still
        }

        nuint start = mapping->Start, end = mapping->End;
        bool isStack = ThreadStacks.Trim(state, mappingIndex, ref start);
        if (isStack && state->Context->SkipsStacks != 0)
        {
            ThreadStacks.SkipFrames(state, mappingIndex, ref start);
        }
        else if (isStack)
        {
            state->ObjectInteriorsCount = 1;
            FrailRoots.SplitStack(state, mappingIndex, ref start);
            state->ObjectInteriorsCount = 0;
        }

        if (start >= end)
        {
            return;
        }

        if (!isStack && start == mapping->Start)
        {
            start = ScanHeaps(state, mapping);
        }

        state->ObjectInteriorsCount = isStack ? 1 : 0;
        ScanWithoutHeap(state, start, end);
        state->ObjectInteriorsCount = 0;
    }

    // Returns where the memory behind the last heap begins. What lies between heaps is read whole.
    [MethodImpl(ChildCode.Options)]
    private static nuint ScanHeaps(ChildState* state, Mapping* mapping)
    {
        nuint unread = mapping->Start;
        for (nuint at = mapping->Start; at < mapping->End;)
        {
            HeapPlace heap = HeapPlace.Around(state, mapping, at);
            if (FreeChunks.TryScanHeap(state, heap))
            {
                ScanWithoutHeap(state, unread, heap.Start);
                unread = heap.MemoryEnd;
            }

            at = heap.MemoryEnd;
        }

        return unread;
    }

    // The managed heap is traced from its roots; read as bytes only when tracing is impossible or not wanted.
    [MethodImpl(ChildCode.Options)]
    private static void ScanWithoutHeap(ChildState* state, nuint start, nuint end)
    {
        ref readonly ManagedHeapLayout layout = ref state->Context->Managed;
        bool whole = state->Tracing == 0 && state->Context->ManagedHeap != ManagedHeapMode.None;
        if (whole || end <= layout.HeapStart || start >= layout.HeapEnd)
        {
            ScanWithoutOwn(state, start, end);
            return;
        }

        if (start < layout.HeapStart)
        {
            ScanWithoutOwn(state, start, layout.HeapStart);
        }

        if (end > layout.HeapEnd)
        {
            ScanWithoutOwn(state, layout.HeapEnd, end);
        }
    }

    // Own ranges are few; each pass removes the lowest one that overlaps.
    /// <summary>Reads [start, end) as roots but for memory of ours and tracked blocks.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void ScanWithoutOwn(ChildState* state, nuint start, nuint end)
    {
        while (start < end)
        {
            nuint ownStart = end, ownEnd = end;
            for (int i = 0; i < state->Context->OwnCount; i++)
            {
                MemoryRange* own = state->Context->OwnRanges + i;
                if (own->Start < end && own->End > start && own->Start < ownStart)
                {
                    ownStart = own->Start;
                    ownEnd = own->End;
                }
            }

            if (start < ownStart)
            {
                ScanBetweenBlocks(state, start, ownStart);
            }

            if (ownStart < end)
            {
                state->Context->Counters->OwnBytes += (long)((ownEnd < end ? ownEnd : end) - (ownStart > start ? ownStart : start));
            }

            start = ownEnd;
        }
    }

    /// <summary>
    /// Reads [start, end) as roots but for tracked blocks: their contents count when something reaches them. Calls come in
    /// order of address, so that the block to begin with is found from where the last call ended.
    /// </summary>
    [MethodImpl(ChildCode.Options)]
    public static void ScanBetweenBlocks(ChildState* state, nuint start, nuint end)
    {
        BlockIndex* index = &state->Index;
        int block = state->BlockCursor;
        if (block > 0 && (block > index->Count || index->End[block - 1] > start))
        {
            block = BlockIndex.FirstEndingAfter(index, start);
        }

        int steps = 0;
        while (block < index->Count && index->End[block] <= start)
        {
            block = ++steps > 16 ? BlockIndex.FirstEndingAfter(index, start) : block + 1;
        }

        nuint cursor = start;
        while (cursor < end)
        {
            nuint blockStart = block < index->Count && index->Start[block] < end ? index->Start[block] : end;
            if (cursor < blockStart)
            {
                ScanRoot(state, cursor, blockStart);
            }

            if (blockStart == end)
            {
                break;
            }

            cursor = index->End[block++];
        }

        state->BlockCursor = block > 0 && block <= index->Count && index->End[block - 1] > end ? block - 1 : block;
    }

    [MethodImpl(ChildCode.Options)]
    private static void ScanRoot(ChildState* state, nuint start, nuint end)
    {
        if (state->PoolRangeCount != 0)
        {
            PoolGaps.Scan(state, start, end);
        }
        else if (end > start)
        {
            Read(state, start, end);
        }
    }

    /// <summary>Reads root memory that is nothing else.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(ChildState* state, nuint start, nuint end)
    {
        state->Context->Counters->RootBytes += (long)(end - start);
        Marker.ScanWords(state, start, end);
    }

    // Words the parent kept from memory that this copy does not hold. Bounded wait: the parent may have died.
    [MethodImpl(ChildCode.Options)]
    private static void ScanLiveWords(ChildState* state)
    {
        if (state->Context->Live == null)
        {
            return;
        }

        if (!LiveMemory.WaitForParent(state))
        {
            state->Context->Counters->Warnings |= (long)ScanWarning.LiveMemoryUnread;
            return;
        }

        LiveMemoryResult* live = state->Context->Live;
        ScanCounters* counters = state->Context->Counters;
        counters->Warnings |= live->Warnings;
        counters->RootBytes += live->BytesRead;
        counters->UnreadableBytes += live->BytesUnreadable;
        for (long i = 0; i < live->WordCount; i++)
        {
            Marker.ScanWord(state, state->Context->LiveWords[i], state->Context->LivePlaces == null ? 0 : state->Context->LivePlaces[i]);
        }
    }
}
