// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the memory of what held each block, scan after scan.
// Who calls it: SnapshotScan makes room before the clone; the child, at the end of a scan, writes and reads.
// The one idea: a record keeps its index while its block lives, so the index is the key; what a child writes into shared
// pages the next child finds there, and the process itself never touches an entry.
// Safety: the table has room for every index below the frozen high water; entries of higher ones are left out.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Verdicts;

/// <summary>Entries by index of the record, in shared pages. All zero = nothing is remembered.</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct HolderTable
{
    private const uint FirstCapacity = 1 << 16;
    private const int PrefetchDistance = 16;

    public HolderEntry* Entries;
    public uint Capacity;

    /// <summary>Makes room for indices up to <paramref name="highWater"/>; when there is none, those beyond are not
    /// remembered. In the process, on the scanner thread, while no child lives.</summary>
    public static void Grow(ref HolderTable table, uint highWater)
    {
        if (highWater < table.Capacity)
        {
            return;
        }

        ulong capacity = table.Capacity == 0 ? FirstCapacity : table.Capacity;
        while (capacity <= highWater)
        {
            capacity *= 2;
        }

        HolderEntry* larger = (HolderEntry*)Platform.Pages.AllocateShared((nuint)capacity * HolderEntry.ByteCount);
        if (larger == null)
        {
            return;
        }

        if (table.Entries != null)
        {
            nuint byteCount = (nuint)table.Capacity * HolderEntry.ByteCount;
            Buffer.MemoryCopy(table.Entries, larger, byteCount, byteCount);
            Platform.Pages.Release((nuint)table.Entries, byteCount);
        }

        table.Entries = larger;
        table.Capacity = (uint)capacity;
    }

    /// <summary>The entry of a block of the frozen index; null when it was never seen held.</summary>
    [MethodImpl(ChildCode.Options)]
    public static HolderEntry* Find(ChildState* state, int block)
    {
        HolderTable* table = &state->Context->HolderTable;
        uint record = state->Index.Record[block];
        if (table->Entries == null || record >= table->Capacity)
        {
            return null;
        }

        HolderEntry* entry = table->Entries + record;
        return entry->Seen != 0 && entry->Tag == Tag(state, record) ? entry : null;
    }

    /// <summary>Writes down what holds each reached block, and that the others were missed. Last, in the child.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Remember(ChildState* state)
    {
        HolderTable* table = &state->Context->HolderTable;
        int scan = (int)state->Context->ScanNumber;
        HolderInfo info;
        for (int i = 0; i < state->Index.Count && state->KeepsHolders != 0 && table->Entries != null; i++)
        {
            PrefetchAhead(state, i);
            uint record = state->Index.Record[i];
            byte reach = (byte)(state->Index.State[i] & Reach.Mask);
            if (reach is Reach.Strong or Reach.Frail && record < table->Capacity)
            {
                HolderPlaces.Describe(state, state->Holders + i, &info);
                table->Entries[record] = HolderEntry.Pack(in info, Tag(state, record), scan);
            }
            else
            {
                HolderEntry* entry = Find(state, i);
                if (entry != null)
                {
                    HolderEntry.Miss(ref *entry, scan);
                }
            }

            if ((i & 0xFFFF) == 0)
            {
                state->View->Progress++;
            }
        }
    }

    // A holder is most often another block, found by its line, its bounds and its record, one after the other: each step is
    // taken for a block further ahead, so that what it needs has come when it is its turn.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchAhead(ChildState* state, int i)
    {
        BlockIndex* index = &state->Index;
        if (i + (3 * PrefetchDistance) >= index->Count)
        {
            return;
        }

        nuint address = state->Holders[i + (3 * PrefetchDistance)].Address;
        if (address - index->Lowest <= index->Highest - index->Lowest)
        {
            uint region = index->Directory[(address >> BlockIndex.RegionShift) - index->FirstRegion];
            ChildCpu.Prefetch((region & BlockIndex.Covered) != 0 || region == 0 ? null : BlockIndex.Line(index, region, address));
        }

        int parent = BlockIndex.FindBelow(index, state->Holders[i + (2 * PrefetchDistance)].Address);
        if (parent >= 0)
        {
            ChildCpu.Prefetch(index->Start + parent);
            ChildCpu.Prefetch(index->End + parent);
            ChildCpu.Prefetch(index->Record + parent);
        }

        parent = BlockIndex.FindBelow(index, state->Holders[i + PrefetchDistance].Address);
        ChildCpu.Prefetch(parent < 0 ? null : state->Context->Records.Entries + index->Record[parent]);
        uint record = index->Record[i + PrefetchDistance];
        ChildCpu.Prefetch(state->Context->HolderTable.Entries + record);
        ChildCpu.Prefetch(state->Context->Records.Entries + record);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Tag(ChildState* state, uint record) => (uint)(state->Context->Records.Entries + record)->Ordinal;
}
