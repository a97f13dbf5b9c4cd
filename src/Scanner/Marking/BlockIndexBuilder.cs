// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: builds the sorted block index of one scan from the frozen record table, in linear time.
// Who calls it: ChildScan, first thing in the child.
// The one idea: a least-significant-digit radix sort over 48 address bits; then one pass removes blocks that a younger
// one lies over (freed behind our back and handed out again), so that the rest are disjoint.
// Safety: arrays are sized from the count of the same frozen records they are filled from; digits are masked to the
// histogram.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Marking;

/// <summary>Builds <see cref="BlockIndex"/>.</summary>
[ChildCode]
internal static unsafe class BlockIndexBuilder
{
    private const int DigitBits = 12, DigitCount = 1 << DigitBits, Passes = 4;

    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        public nuint Address;
        public uint Record;
        public uint Ordinal;
    }

    /// <summary>Fills <see cref="ChildState.Index"/>; false when memory for it was refused.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Build(ChildState* state)
    {
        ScanContext* context = state->Context;
        uint live = CountLive(context);
        nuint byteCount = ((nuint)live + 1) * (nuint)sizeof(Entry);
        Entry* entries = (Entry*)ChildArena.Allocate(byteCount);
        Entry* scratch = (Entry*)ChildArena.Allocate(byteCount);
        uint* histogram = (uint*)ChildArena.Allocate(DigitCount * sizeof(uint));
        if (entries == null || scratch == null || histogram == null)
        {
            return false;
        }

        Collect(context, entries);
        Sort(state, ref entries, scratch, histogram, live);
        int count = DropOverlapped(state, entries, (int)live);
        bool built = Fill(state, entries, count) && EnterPages(state);
        ChildArena.Free(entries, byteCount);
        ChildArena.Free(scratch, byteCount);
        ChildArena.Free(histogram, DigitCount * sizeof(uint));
        return built;
    }

    [MethodImpl(ChildCode.Options)]
    private static uint CountLive(ScanContext* context)
    {
        uint live = 0;
        for (uint i = 1; i < context->RecordHighWater; i++)
        {
            live += (context->Records[i].StateWord & 3) == (uint)RecordState.Live ? 1u : 0u;
        }

        return live;
    }

    [MethodImpl(ChildCode.Options)]
    private static void Collect(ScanContext* context, Entry* entries)
    {
        uint n = 0;
        for (uint i = 1; i < context->RecordHighWater; i++)
        {
            BlockRecord* record = context->Records + i;
            if ((record->StateWord & 3) == (uint)RecordState.Live)
            {
                entries[n].Address = record->Address;
                entries[n].Record = i;
                entries[n].Ordinal = record->Ordinal;
                n++;
            }
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static void Sort(ChildState* state, ref Entry* entries, Entry* scratch, uint* histogram, uint count)
    {
        Entry* from = entries, to = scratch;
        for (int pass = 0; pass < Passes; pass++)
        {
            state->View->Progress++;
            int shift = pass * DigitBits;
            for (int d = 0; d < DigitCount; d++)
            {
                histogram[d] = 0;
            }

            for (uint i = 0; i < count; i++)
            {
                histogram[(int)(from[i].Address >> shift) & (DigitCount - 1)]++;
            }

            uint sum = 0;
            for (int d = 0; d < DigitCount; d++)
            {
                uint here = histogram[d];
                histogram[d] = sum;
                sum += here;
            }

            for (uint i = 0; i < count; i++)
            {
                to[histogram[(int)(from[i].Address >> shift) & (DigitCount - 1)]++] = from[i];
            }

            Entry* swap = from;
            from = to;
            to = swap;
        }

        // An even number of passes: the sorted entries are back where they began.
        entries = from;
    }

    // Of two blocks that overlap the older one cannot exist any more: native code freed it and its memory was handed out
    // again. Its record stays until the address itself is seen again; the scan just leaves it out.
    [MethodImpl(ChildCode.Options)]
    private static int DropOverlapped(ChildState* state, Entry* entries, int count)
    {
        BlockRecord* records = state->Context->Records;
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            bool keep = true;
            while (kept > 0)
            {
                BlockRecord* before = records + entries[kept - 1].Record;
                if (End(before) <= entries[i].Address)
                {
                    break;
                }

                // Ordinals wrap: the difference, not the order, says which is younger.
                if ((int)(entries[i].Ordinal - entries[kept - 1].Ordinal) > 0)
                {
                    CountStale(state, before);
                    kept--;
                }
                else
                {
                    CountStale(state, records + entries[i].Record);
                    keep = false;
                    break;
                }
            }

            if (keep)
            {
                entries[kept++] = entries[i];
            }
        }

        return kept;
    }

    [MethodImpl(ChildCode.Options)]
    private static void CountStale(ChildState* state, BlockRecord* record)
    {
        state->Context->Counters->FreedBehindOurBack.Blocks++;
        state->Context->Counters->FreedBehindOurBack.Bytes += (long)ByteCount(record);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint ByteCount(BlockRecord* record) => (nuint)(record->SizeApiFlags & BlockRecord.MaximumBlockByteCount);

    // A block of no bytes still has an address of its own: it counts as one byte when pointers are looked up.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint End(BlockRecord* record)
    {
        nuint byteCount = ByteCount(record);
        return record->Address + (byteCount == 0 ? 1 : byteCount);
    }

    [MethodImpl(ChildCode.Options)]
    private static bool Fill(ChildState* state, Entry* entries, int count)
    {
        BlockIndex* index = &state->Index;
        nuint n = (nuint)count + 1;
        index->Start = (nuint*)ChildArena.Allocate(n * (nuint)sizeof(nuint));
        index->End = (nuint*)ChildArena.Allocate(n * (nuint)sizeof(nuint));
        index->Record = (uint*)ChildArena.Allocate(n * sizeof(uint));
        index->State = ChildArena.Allocate(n);
        if (index->Start == null || index->End == null || index->Record == null || index->State == null)
        {
            return false;
        }

        ScanCounters* counters = state->Context->Counters;
        int large = 0;
        for (int i = 0; i < count; i++)
        {
            BlockRecord* record = state->Context->Records + entries[i].Record;
            index->Start[i] = record->Address;
            index->End[i] = End(record);
            index->Record[i] = entries[i].Record;
            byte flags = (byte)(record->SizeApiFlags >> 56);
            index->State[i] = (flags & (byte)BlockFlags.BstrPrefixed) != 0 ? Reach.Prefixed : Reach.None;
            large += index->End[i] - index->Start[i] >= BlockIndex.LargeByteCount ? 1 : 0;
            counters->Live.Blocks++;
            counters->Live.Bytes += (long)ByteCount(record);
        }

        index->Count = count;
        index->Lowest = count == 0 ? 0 : index->Start[0];
        index->Highest = count == 0 ? 0 : index->End[count - 1];
        index->Large = (int*)ChildArena.Allocate(((nuint)large + 1) * sizeof(int));
        index->LargeCount = large;
        if (index->Large == null)
        {
            return false;
        }

        for (int i = 0, l = 0; i < count && l < large; i++)
        {
            if (index->End[i] - index->Start[i] >= BlockIndex.LargeByteCount)
            {
                index->Large[l++] = i;
            }
        }

        return true;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool EnterPages(ChildState* state)
    {
        BlockIndex* index = &state->Index;
        ulong pages = 16;
        for (int i = 0; i < index->Count; i++)
        {
            if (index->End[i] - index->Start[i] < BlockIndex.LargeByteCount)
            {
                pages += (index->End[i] >> 12) - (index->Start[i] >> 12) + 1;
            }
        }

        // Neighbours share pages, so this is generous; the table is at most half full either way.
        ulong capacity = 64;
        while (capacity < pages * 2)
        {
            capacity <<= 1;
        }

        index->Pages = (PageEntry*)ChildArena.Allocate((nuint)capacity * (nuint)sizeof(PageEntry));
        index->PageMask = capacity - 1;
        if (index->Pages == null)
        {
            return false;
        }

        for (int i = 0; i < index->Count; i++)
        {
            if (index->End[i] - index->Start[i] >= BlockIndex.LargeByteCount)
            {
                continue;
            }

            for (nuint page = index->Start[i] >> 12; page <= index->End[i] >> 12; page++)
            {
                Enter(index, (ulong)page + 1, (uint)i);
            }
        }

        return true;
    }

    [MethodImpl(ChildCode.Options)]
    private static void Enter(BlockIndex* index, ulong pagePlusOne, uint block)
    {
        ulong slot = BlockIndex.Hash(pagePlusOne) & index->PageMask;
        while (index->Pages[slot].PagePlusOne != 0)
        {
            if (index->Pages[slot].PagePlusOne == pagePlusOne)
            {
                index->Pages[slot].Count = block - index->Pages[slot].First + 1;
                return;
            }

            slot = (slot + 1) & index->PageMask;
        }

        index->Pages[slot].PagePlusOne = pagePlusOne;
        index->Pages[slot].First = block;
        index->Pages[slot].Count = 1;
    }
}
