// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a small graph with known verdicts, marked by the child's own code, in this process.
// Who calls it: SnapshotScan, before its first snapshot.
// The one idea: it runs every method of the child once where the just-in-time compiler still exists, and it refuses to
// scan at all when the answer is wrong: a broken marker must not accuse anybody.
// Safety: one area of five pages of ours; every offset is a constant inside it.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Marking;

/// <summary>Proves the marker on memory of our own. Milliseconds.</summary>
internal static unsafe class MarkingSelfTest
{
    private const int PageByteCount = 4096;
    private const int BlockByteCount = 64;
    private const int BlockCount = 7;

    /// <summary>Runs it.</summary>
    /// <exception cref="InvalidOperationException">A verdict was wrong.</exception>
    /// <exception cref="InsufficientMemoryException">No pages.</exception>
    public static void Run()
    {
        IPageSource pages = Platform.Pages;
        const nuint ByteCount = 5 * PageByteCount;
        byte* area = (byte*)pages.AllocatePrivate(ByteCount);
        PackedRecord* records = (PackedRecord*)(area + (2 * PageByteCount));
        AddressIndex? index = area == null ? null : AddressIndex.TryCreate(pages, shift: 4, records);
        if (index is null)
        {
            pages.Release((nuint)area, area == null ? 0 : ByteCount);
            throw new InsufficientMemoryException("no memory for the marker's self-test");
        }

        try
        {
            byte* root = area, blocks = area + PageByteCount;
            ScanContext* scan = (ScanContext*)(area + (3 * PageByteCount));
            SnapshotView* view = (SnapshotView*)(area + (4 * PageByteCount));
            Plant(root, blocks, records, index);
            Mapping* mapping = (Mapping*)(area + (3 * PageByteCount) + 2048);
            mapping->Start = (nuint)root;
            mapping->End = (nuint)blocks + PageByteCount;
            mapping->Access = MappingAccess.Read | MappingAccess.Write;
            mapping->Kind = MappingKind.Anonymous;
            scan->GivenMappings = mapping;
            scan->GivenMappingCount = 1;
            scan->Records.Entries = records;
            scan->Records.HighWater = BlockCount + 1;
            scan->Records.Aligned = index.Freeze();
            scan->ManagedHeap = ManagedHeapMode.None;
            scan->Counters = (ScanCounters*)(area + (4 * PageByteCount) + 1024);
            scan->Lost = (LostBlock*)(area + (4 * PageByteCount) + 2048);
            scan->LostCapacity = 8;
            ChildScan.Run(view, scan);
            Check(scan->Counters);
        }
        finally
        {
            index.Release();
            pages.Release((nuint)area, ByteCount);
        }
    }

    // root → 0 → 1; root → middle of 2 → 3; 4 → 5 and 5 → 4 lost together; 6 lost alone.
    private static void Plant(byte* root, byte* blocks, PackedRecord* records, AddressIndex index)
    {
        for (int i = 0; i < BlockCount; i++)
        {
            PackedRecord.Fill(records + i + 1, BlockByteCount, site: 0, (ulong)i);
            RecordStateWord.Publish(ref records[i + 1].StateWord, AllocationApi.Unknown, BlockFlags.None, thread: 0);
            uint* slot = index.FindOrCreate(At(blocks, i), BlockByteCount);
            if (slot == null)
            {
                throw new InsufficientMemoryException("no memory for the marker's self-test");
            }

            *slot = (uint)(i + 1) | (index.GranuleOf(At(blocks, i)) << AddressIndex.GranuleShift);
        }

        *(nuint*)(root + 12) = At(blocks, 0); // 4-aligned on purpose
        *(nuint*)(root + 64) = At(blocks, 2) + 8;
        *(nuint*)At(blocks, 0) = At(blocks, 1);
        *(nuint*)At(blocks, 2) = At(blocks, 3);
        *(nuint*)At(blocks, 4) = At(blocks, 5);
        *(nuint*)At(blocks, 5) = At(blocks, 4);
    }

    private static nuint At(byte* blocks, int i) => (nuint)blocks + ((nuint)i * 2 * BlockByteCount);

    private static void Check(ScanCounters* counters)
    {
        bool right = counters->Live.Blocks == BlockCount && counters->Reachable.Blocks == 2 && counters->Possible.Blocks == 2
            && counters->Definite.Blocks == 2 && counters->Indirect.Blocks == 1 && counters->LostCount == 5
            && counters->Warnings == 0;
        if (!right)
        {
            throw new InvalidOperationException(
                "the marker's self-test failed (reachable " + counters->Reachable.Blocks + ", possible " + counters->Possible.Blocks
                + ", definite " + counters->Definite.Blocks + ", indirect " + counters->Indirect.Blocks + ")");
        }
    }
}
