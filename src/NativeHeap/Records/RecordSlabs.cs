// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the array of all 16-byte entries (records, forks, size entries): one reservation, committed in steps,
// handed to threads in batches; and the pool of batches that threads have too many of.
// Who calls it: RecordStore when a thread has no free entry, or too many.
// The one idea: an entry never moves and its page never goes away, so an index is enough to name it for ever; and
// batches of 64 make the lock a rarity, whatever threads allocate and whatever others free.
// Safety: entries are addressed below the high-water mark, up to which the reservation is committed and never given
// back.
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Records;

/// <summary>Entries by index. Thread-safe; its lock is a leaf.</summary>
internal sealed unsafe class RecordSlabs
{
    /// <summary>Entries in a batch (1 KiB): small, so that many threads with few blocks stay cheap.</summary>
    public const uint BatchCount = 64;

    /// <summary>Bytes committed at a time: 131,072 entries.</summary>
    public const nuint CommitStepByteCount = 2 << 20;

    /// <summary>From here on (524,288 entries) steps are large pages: a step is charged whole anyway, and where there are so
    /// many records, what the last one has not used is little beside them.</summary>
    public const nuint LargeFromByteCount = 8 << 20;

    // All that 29 bits can name: 8 GiB of address space, of which only the committed part costs memory.
    private const ulong MaximumByteCount = (ulong)PackedRecord.ByteCount << PackedRecord.IndexBits;
    private const nuint MinimumByteCount = CommitStepByteCount;

    private readonly IPageSource _pages;
    private readonly nuint _reservedByteCount;
    private readonly uint _capacity;
    private readonly SlabHeader* _header;

    // In native private memory, not in a static or a GC object: a snapshot must freeze it together with the records.
    private struct SlabHeader
    {
        public int Lock;
        public uint HighWater;
        public nuint CommittedByteCount;
        public uint PoolHead;
        public nuint LargeEnd;
    }

    private RecordSlabs(IPageSource pages, nuint records, nuint byteCount, nuint header)
    {
        _pages = pages;
        _reservedByteCount = byteCount;
        First = (PackedRecord*)records;
        _capacity = (uint)(byteCount / PackedRecord.ByteCount);
        _header = (SlabHeader*)header;
    }

    /// <summary>The entry with index 0, which is never used.</summary>
    public PackedRecord* First { get; }

    /// <summary>All indices ever handed out are below; at least 1.</summary>
    // Order: read before the entries below it; pairs with the write in TryTake, which follows the commit.
    public uint HighWater => Math.Max(1, Volatile.Read(ref _header->HighWater));

    /// <summary>Bytes in use: entries handed out, and the rest of the last large page.</summary>
    // Order: a statistic.
    public nuint UsedByteCount => Math.Max((nuint)HighWater * PackedRecord.ByteCount, Volatile.Read(ref _header->LargeEnd));

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

            nuint header = pages.AllocatePrivate(pages.PageByteCount);
            if (header != 0)
            {
                return new RecordSlabs(pages, records, byteCount, header);
            }

            pages.Release(records, byteCount);
        }

        return null;
    }

    /// <summary>
    /// Gives a thread free entries: a batch as a list, or a range that was never used. False when the reservation, the
    /// system or the limit says no.
    /// </summary>
    /// <param name="head">First of a list of <see cref="BatchCount"/> entries, or 0.</param>
    /// <param name="first">Else the first entry of the range.</param>
    /// <param name="end">And its end.</param>
    public bool TryTake(out uint head, out uint first, out uint end)
    {
        using SpinScope scope = SpinScope.Enter(ref _header->Lock, LockRank.Slab);
        first = end = 0;
        head = _header->PoolHead;
        if (head != 0)
        {
            _header->PoolHead = (uint)First[head].SiteAndOrdinal;
            return true;
        }

        return Carve(out first, out end);
    }

    /// <summary>Gives a thread a range that was never used, whatever the pool holds. Else as <see cref="TryTake"/>.</summary>
    public bool TryCarve(out uint first, out uint end)
    {
        using SpinScope scope = SpinScope.Enter(ref _header->Lock, LockRank.Slab);
        return Carve(out first, out end);
    }

    // Under the lock.
    private bool Carve(out uint first, out uint end)
    {
        first = end = 0;
        uint begin = _header->HighWater;
        if (begin > _capacity - BatchCount)
        {
            return false;
        }

        nuint needed = (nuint)(begin + BatchCount) * PackedRecord.ByteCount;
        if (needed > _header->CommittedByteCount)
        {
            if (!_pages.Commit((nuint)First + _header->CommittedByteCount, CommitStepByteCount))
            {
                return false;
            }

            if (_header->CommittedByteCount == LargeFromByteCount)
            {
                // Handed out to the last entry by now: the system merges these pages when it has time, and nothing is added.
                _pages.PreferLarge((nuint)First, LargeFromByteCount);
            }

            if (_header->CommittedByteCount >= LargeFromByteCount
                && _pages.PreferLarge((nuint)First + _header->CommittedByteCount, CommitStepByteCount))
            {
                // Order: a statistic; under the lock.
                Volatile.Write(ref _header->LargeEnd, _header->CommittedByteCount + CommitStepByteCount);
            }

            _header->CommittedByteCount += CommitStepByteCount;
        }

        // Index 0 means "none", so the first range starts at 1.
        first = Math.Max(begin, 1);
        end = begin + BatchCount;
        // Order: after the commit; pairs with HighWater. A snapshot that saw the mark first would read pages that do not
        // exist.
        Volatile.Write(ref _header->HighWater, end);
        return true;
    }

    /// <summary>Takes a full batch back, for any thread that needs one.</summary>
    /// <param name="head">First of a list of exactly <see cref="BatchCount"/> free entries.</param>
    public void Put(uint head)
    {
        using SpinScope scope = SpinScope.Enter(ref _header->Lock, LockRank.Slab);
        // A free entry's first eight bytes are nobody's: they carry the list of batches.
        First[head].SiteAndOrdinal = _header->PoolHead;
        _header->PoolHead = head;
    }

    /// <summary>Walks the pool for the invariants: calls nothing, locks nothing; no other thread may be about.</summary>
    /// <param name="batch">0 to begin; then the last answer.</param>
    /// <returns>The next batch's head, or 0.</returns>
    public uint NextPooled(uint batch) => batch == 0 ? _header->PoolHead : (uint)First[batch].SiteAndOrdinal;

    /// <summary>Gives everything back. Nobody may use the records any more.</summary>
    public void Release()
    {
        _pages.Release((nuint)First, _reservedByteCount);
        _pages.Release((nuint)_header, _pages.PageByteCount);
    }
}
