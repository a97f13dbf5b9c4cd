// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: blocks put on large pages, in the copy only.
// Who calls it: ChildScan, before records are read, and when the index is built and no block was read yet.
// The one idea: blocks are read at random, and every first touch of a small page, and most later ones, cost a translation of
// its address, which takes longer than the reading. The kernel copies 512 small pages into a large one in a seventh of the
// time that touching them one by one takes where pages are translated twice (virtual machines without nested paging), and in
// about the same where they are not; and then misses of the translation are gone.
// Safety: only the copy's own address space changes, and not what stands in it. The kernel refuses what it cannot do, and for a
// large page it kills nobody; what it was asked for is bounded by a part of what is free.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Roots;

namespace NativeLeak.Marking;

/// <summary>Large pages for records, and for regions of 2 MiB in which many blocks start.</summary>
[ChildCode]
internal static unsafe class LargePages
{
    // The part of the free memory that may be taken for the time of a scan, as a divisor.
    private const long FreeShare = 8;

    // A block for each small page: fewer would be better off as they are.
    private const int LeastBlockCount = 512;

    // Below this many regions a scan is short anyway; so many are asked for at once.
    private const int LeastRegionCount = 4, MostRegionCount = 16;
    private const nuint RegionByteCount = (nuint)1 << BlockIndex.RegionShift;

    // MADV_HUGEPAGE and MADV_COLLAPSE (Linux 6.1) of <asm-generic/mman-common.h>.
    private const nint AdviseLargePages = 14, AdviseCollapse = 25;

    // struct sysinfo of <linux/sysinfo.h>: free memory in units, and the unit.
    private const int SystemByteCount = 128, FreeOffset = 40, UnitOffset = 104;

    /// <summary>The first records: further ones are on large pages from the start (RecordSlabs).</summary>
    [MethodImpl(ChildCode.Options)]
    public static void GatherRecords(ChildState* state)
    {
        FrozenRecords* records = &state->Context->Records;
        nuint first = ((nuint)records->Entries + RegionByteCount - 1) & ~(RegionByteCount - 1);
        nuint end = ((nuint)records->Entries + ((nuint)records->HighWater * PackedRecord.ByteCount)) & ~(RegionByteCount - 1);
        end = end < first + RecordSlabs.LargeFromByteCount ? end : first + RecordSlabs.LargeFromByteCount;
        if (end > first && CountRoom(state) >= LeastRegionCount)
        {
            // Small pages were asked for when the records began.
            RawSyscall.Invoke(SyscallNumber.Madvise, (nint)first, (nint)(end - first), AdviseLargePages);
            Collapse(state, first, (int)((end - first) / RegionByteCount));
        }
    }

    /// <summary>The blocks, as far as there is room.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void GatherBlocks(ChildState* state)
    {
        long left = CountRoom(state);
        if (left < LeastRegionCount || state->Index.Count < LeastRegionCount * LeastBlockCount)
        {
            return;
        }

        nuint runStart = 0;
        int runCount = 0;
        for (int block = 0; block < state->Index.Count && left > 0;)
        {
            nuint region = state->Index.Start[block] & ~(RegionByteCount - 1);
            int next = FirstAtOrAbove(&state->Index, block, region + RegionByteCount);
            bool isWanted = next - block >= LeastBlockCount && IsPlain(state, region);
            bool isNext = runCount > 0 && region == runStart + ((nuint)runCount * RegionByteCount) && runCount < MostRegionCount;
            if (runCount > 0 && !(isWanted && isNext))
            {
                if (!Collapse(state, runStart, runCount))
                {
                    return;
                }

                runCount = 0;
            }

            runStart = isWanted && runCount == 0 ? region : runStart;
            runCount += isWanted ? 1 : 0;
            left -= isWanted ? 1 : 0;
            block = next;
        }

        if (runCount > 0)
        {
            Collapse(state, runStart, runCount);
        }
    }

    // How many large pages may be taken.
    [MethodImpl(ChildCode.Options)]
    private static long CountRoom(ChildState* state)
    {
        if (state->SafeMode != 0 || state->Context->GivenMappings != null)
        {
            return 0;
        }

        long free = FreeByteCount(), room = state->Context->LargePageRoom;
        return (free < room ? free : room) / FreeShare / (long)RegionByteCount;
    }

    // False: the system does not do this, or has no more.
    [MethodImpl(ChildCode.Options)]
    private static bool Collapse(ChildState* state, nuint start, int count)
    {
        state->View->Progress++;
        nint result = RawSyscall.Invoke(SyscallNumber.Madvise, (nint)start, (nint)((nuint)count * RegionByteCount), AdviseCollapse);
        return result is not (-ErrorNumber.EINVAL or -ErrorNumber.ENOMEM);
    }

    // All of it in one private mapping of no file.
    [MethodImpl(ChildCode.Options)]
    private static bool IsPlain(ChildState* state, nuint region)
    {
        const MappingAccess Wanted = MappingAccess.Read | MappingAccess.Write;
        int found = MappingSearch.Find(state, region);
        Mapping* mapping = state->Mappings + found;
        return found >= 0 && mapping->End - region >= RegionByteCount
            && mapping->Kind is MappingKind.Anonymous or MappingKind.NamedAnonymous or MappingKind.Heap
            && (mapping->Access & (Wanted | MappingAccess.Shared)) == Wanted;
    }

    // The first block at or above an address, from a block below it on.
    [MethodImpl(ChildCode.Options)]
    private static int FirstAtOrAbove(BlockIndex* index, int from, nuint address)
    {
        int step = 1, low = from, high;
        while (low + step < index->Count && index->Start[low + step] < address)
        {
            low += step;
            step *= 2;
        }

        high = low + step < index->Count ? low + step : index->Count;
        low++;
        while (low < high)
        {
            int middle = (int)(((uint)low + (uint)high) >> 1);
            if (index->Start[middle] < address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    // 0 where the system does not say.
    [MethodImpl(ChildCode.Options)]
    private static long FreeByteCount()
    {
        byte* system = stackalloc byte[SystemByteCount];
        nint result = RawSyscall.Invoke(SyscallNumber.Sysinfo, (nint)system);
        return result < 0 ? 0 : *(long*)(system + FreeOffset) * *(uint*)(system + UnitOffset);
    }
}
