// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>The record table of the living process, copied, and blocks that go away meanwhile.</summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class LiveRecordsTests
{
    // Numbers: nothing here is read as memory. The largest has a size entry of its own.
    private static readonly (ulong Address, ulong ByteCount)[] s_blocks =
        [(0x6A00_0000_0010, 1), (0x6A00_0000_0100, 700), (0x6A00_0001_0008, 64), (0x6A10_0000_0000, 3u << 29)];

    [OneTimeSetUp]
    public void Start() => AllocationRecorder.Start(16);

    [Test]
    public void Every_live_block_is_listed_once_with_its_own_copy_of_its_record()
    {
        Array.ForEach(s_blocks, static block => RecordTable.Insert((nuint)block.Address, (nuint)block.ByteCount, AllocationApi.NativeMemoryAlloc, BlockFlags.None, 5));
        ScanContext context = default;
        using LiveRecords records = new();
        bool isCollected = records.TryCollect(&context);
        Array.ForEach(s_blocks, static block => RecordTable.TryRemove((nuint)block.Address, out _));
        nuint[] starts = new Span<nuint>(context.GivenStarts, (int)context.GivenCount).ToArray();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(isCollected);
            Assert.That(starts, Is.Ordered.And.Unique);
            Assert.That(starts, Is.SupersetOf(s_blocks.Select(static block => (nuint)block.Address)));
            foreach ((ulong address, ulong byteCount) in s_blocks)
            {
                PackedRecord* record = context.Records.Entries + context.GivenRecords[Array.IndexOf(starts, (nuint)address)];
                Assert.That((record->State, (long)PackedRecord.ReadByteCount(record, context.Records.Entries)),
                    Is.EqualTo((RecordState.Live, (long)byteCount)), "it stays as it was, though the block is gone");
            }
        }
    }

    [Test]
    public void A_block_that_was_freed_is_not_the_same_any_more_even_if_another_one_got_its_address_and_record()
    {
        nuint address = (nuint)s_blocks[1].Address;
        RecordTable.Insert(address, 700, AllocationApi.NativeMemoryAlloc, BlockFlags.None, 5);
        ScanContext context = default;
        using LiveRecords records = new();
        Assert.That(records.TryCollect(&context));
        int at = new Span<nuint>(context.GivenStarts, (int)context.GivenCount).IndexOf(address);
        ChildState state = new() { Context = &context };
        state.Index.Record = context.GivenRecords;
        bool before = LiveBlocks.IsSame(&state, at);
        RecordTable.TryRemove(address, out _);
        bool freed = LiveBlocks.IsSame(&state, at);
        RecordTable.Insert(address, 700, AllocationApi.NativeMemoryAlloc, BlockFlags.None, 5);
        bool again = LiveBlocks.IsSame(&state, at);
        RecordTable.TryRemove(address, out _);
        Assert.That((before, freed, again), Is.EqualTo((true, false, false)));
    }
}
