// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>A small process image made of our own pages: a root area, blocks with records, and the child's own code over it.</summary>
internal sealed unsafe class MarkingWorld : IDisposable
{
    private const nuint Page = 4096;
    private readonly nuint _area;
    private readonly nuint _byteCount;
    private readonly WorldPages _pages = new();
    private readonly RecordStore _store;
    private readonly ScanContext* _context;
    private readonly SnapshotView* _view;
    private readonly ScanCounters* _counters;
    private readonly LostBlock* _lost;
    private readonly nuint _heapByteCount;
    private int _count;
    private int _mappings;

    public MarkingWorld(int blockCapacity, nuint heapByteCount)
    {
        _heapByteCount = Align(heapByteCount);
        nuint lostBytes = Align((nuint)(blockCapacity + 1) * LostBlock.ByteCount);
        _byteCount = Page + _heapByteCount + lostBytes + (3 * Page);
        _area = Platform.Pages.AllocatePrivate(_byteCount);
        Assert.That(_area, Is.Not.Zero);
        Root = (byte*)_area;
        Heap = (byte*)(_area + Page);
        _lost = (LostBlock*)(_area + Page + _heapByteCount);
        _store = RecordStore.TryCreate(_pages)!;
        _context = (ScanContext*)((nuint)_lost + lostBytes);
        _view = (SnapshotView*)((nuint)_context + Page);
        _counters = (ScanCounters*)((nuint)_view + Page);
        Mappings = (Mapping*)((nuint)_context + 1024);
        _context->GivenMappings = Mappings;
        _context->ManagedHeap = ManagedHeapMode.None;
        _context->Counters = _counters;
        _context->Lost = _lost;
        _context->LostCapacity = blockCapacity + 1;
        RawSyscall.Initialize();
    }

    /// <summary>4,096 bytes that are roots.</summary>
    public byte* Root { get; }

    /// <summary>Where blocks are laid out.</summary>
    public byte* Heap { get; }

    public Mapping* Mappings { get; }

    public ref ScanContext Context => ref *_context;

    public ref readonly ScanCounters Counters => ref *_counters;

    public ReadOnlySpan<LostBlock> Lost => new(_lost, (int)_counters->LostCount);

    /// <summary>Adds a live block at an offset of the heap and returns its address.</summary>
    public nuint AddBlock(nuint offset, nuint byteCount, BlockFlags flags = BlockFlags.None, uint birthTick = 0, ulong? ordinal = null)
    {
        // Put back, not inserted: so birth and order are the test's, and overlapped blocks stay for the scan to find.
        BlockRecord record = new()
        {
            Address = (nuint)Heap + offset,
            BlockByteCount = byteCount,
            Flags = flags,
            Ordinal = ordinal ?? (((ulong)birthTick << PackedRecord.SequenceBits) | (uint)++_count),
        };
        Assert.That(_store.Restore(in record));
        return record.Address;
    }

    /// <summary>Adds a mapping; without any, root area and heap are one readable and writable mapping.</summary>
    public void Map(nuint start, nuint end, MappingAccess access)
    {
        Mappings[_mappings].Start = start;
        Mappings[_mappings].End = end;
        Mappings[_mappings].Access = access;
        Mappings[_mappings].Kind = MappingKind.Anonymous;
        _mappings++;
    }

    public void Scan()
    {
        if (_mappings == 0)
        {
            Map((nuint)Root, (nuint)Heap + _heapByteCount, MappingAccess.Read | MappingAccess.Write);
        }

        _context->GivenMappingCount = _mappings;
        _context->Records = _store.Freeze();
        ChildScan.Run(_view, _context);
    }

    /// <summary>The verdict on a block: what the list says, else Reachable.</summary>
    public Verdict VerdictOf(nuint address)
    {
        foreach (ref readonly LostBlock lost in Lost)
        {
            if (lost.Address == address)
            {
                return lost.Verdict;
            }
        }

        return Verdict.Reachable;
    }

    public LostBlock EntryOf(nuint address)
    {
        foreach (ref readonly LostBlock lost in Lost)
        {
            if (lost.Address == address)
            {
                return lost;
            }
        }

        throw new InvalidOperationException("the block is not in the list");
    }

    public void Dispose()
    {
        _pages.Dispose();
        Platform.Pages.Release(_area, _byteCount);
    }

    private static nuint Align(nuint byteCount) => (byteCount + Page - 1) & ~(Page - 1);
}
