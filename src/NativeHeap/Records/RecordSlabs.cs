// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the array of all records: one reservation, committed in steps, handed to stripes slab by slab.
// Who calls it: RecordStore when a stripe has no free record; the frozen world reads First and HighWater.
// The one idea: a record never moves and its page never goes away, so an index is enough to name it for ever, and
// everything below the high-water mark is readable at any instant (the mark is raised after the commit).
// Safety: records are addressed below the high-water mark, up to which the reservation is committed and never given
// back.
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Records;

/// <summary>Slabs of records. Thread-safe; its lock is a leaf.</summary>
internal sealed unsafe class RecordSlabs
{
    /// <summary>Records in a slab (16 KiB): small, so that many threads with few blocks stay cheap.</summary>
    public const uint SlabRecordCount = 1u << SlabShift;

    /// <summary>Shift from a record's index to its slab.</summary>
    public const int SlabShift = 9;

    /// <summary>Bytes committed at a time: 65,536 records.</summary>
    public const nuint CommitStepByteCount = 2 << 20;

    // All a 32-bit index can name: 128 GiB of address space, of which only the committed part costs memory.
    private const ulong MaximumByteCount = (ulong)BlockRecord.ByteCount << 32;
    private const nuint MinimumByteCount = CommitStepByteCount;

    private readonly IPageSource _pages;
    private readonly uint _capacity;
    private readonly SlabHeader* _header;
    private readonly byte* _owners;

    // In native private memory, not in a static or a GC object: a snapshot must freeze it together with the records.
    private struct SlabHeader
    {
        public int Lock;
        public uint HighWater;
        public nuint CommittedByteCount;
    }

    private RecordSlabs(IPageSource pages, nuint records, nuint byteCount, nuint header, nuint owners)
    {
        _pages = pages;
        First = (BlockRecord*)records;
        _capacity = (uint)Math.Min(byteCount / BlockRecord.ByteCount, uint.MaxValue) & ~(SlabRecordCount - 1);
        _header = (SlabHeader*)header;
        _owners = (byte*)owners;
    }

    /// <summary>The record with index 0, which is never used.</summary>
    public BlockRecord* First { get; }

    /// <summary>The owner stripe of each slab, by slab number.</summary>
    public byte* Owners => _owners;

    /// <summary>All indices ever handed out are below; at least 1.</summary>
    // Order: read before the records below it; pairs with the write in TryCarve, which follows the commit.
    public uint HighWater => Math.Max(1, Volatile.Read(ref _header->HighWater));

    /// <summary>The most bytes of records to commit; lowered by the memory cap of the options.</summary>
    public nuint ByteLimit { get; set; } = nuint.MaxValue;

    /// <summary>
    /// Reserves the array (halving the size while the system refuses); null when even the least is refused.
    /// </summary>
    public static RecordSlabs? TryCreate(IPageSource pages)
    {
        for (nuint byteCount = unchecked((nuint)MaximumByteCount); byteCount >= MinimumByteCount; byteCount /= 2)
        {
            nuint records = pages.Reserve(byteCount);
            if (records == 0)
            {
                continue;
            }

            nuint page = pages.PageByteCount;
            nuint ownersByteCount = Math.Max(page, byteCount / BlockRecord.ByteCount / SlabRecordCount);
            nuint header = pages.AllocatePrivate(page);
            nuint owners = header == 0 ? 0 : pages.AllocatePrivate(ownersByteCount);
            if (owners != 0)
            {
                return new RecordSlabs(pages, records, byteCount, header, owners);
            }

            if (header != 0)
            {
                pages.Release(header, page);
            }

            pages.Release(records, byteCount);
        }

        return null;
    }

    /// <summary>Gives the next slab to a stripe. False when the reservation, the system or the limit says no.</summary>
    public bool TryCarve(byte owner, out uint first)
    {
        using SpinScope scope = SpinScope.Enter(ref _header->Lock);
        first = _header->HighWater;
        if (first > _capacity - SlabRecordCount)
        {
            return false;
        }

        nuint needed = (nuint)(first + SlabRecordCount) * BlockRecord.ByteCount;
        if (needed > _header->CommittedByteCount)
        {
            if (needed > ByteLimit
                || !_pages.Commit((nuint)First + _header->CommittedByteCount, CommitStepByteCount))
            {
                return false;
            }

            _header->CommittedByteCount += CommitStepByteCount;
        }

        _owners[first >> SlabShift] = owner;
        // Order: after the commit and the owner; pairs with HighWater. A snapshot that saw the mark first would read
        // pages that do not exist.
        Volatile.Write(ref _header->HighWater, first + SlabRecordCount);
        return true;
    }
}
