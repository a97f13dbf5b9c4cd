// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Questions;
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
    private readonly AnnotationTable _annotations;
    private readonly ScanContext* _context;
    private readonly SnapshotView* _view;
    private readonly ScanCounters* _counters;
    private readonly LostBlock* _lost;
    private readonly LostDetail* _details;
    private readonly nuint _heapByteCount;
    private int _count;
    private int _mappings;

    public MarkingWorld(int blockCapacity, nuint heapByteCount)
    {
        _heapByteCount = Align(heapByteCount);
        nuint listBytes = (nuint)(blockCapacity + 1) * LostBlock.ByteCount;
        nuint lostBytes = Align(listBytes + ((nuint)(blockCapacity + 1) * LostDetail.ByteCount));
        _byteCount = Page + _heapByteCount + lostBytes + (3 * Page);
        _area = Platform.Pages.AllocatePrivate(_byteCount);
        Assert.That(_area, Is.Not.Zero);
        Root = (byte*)_area;
        Heap = (byte*)(_area + Page);
        _lost = (LostBlock*)(_area + Page + _heapByteCount);
        _details = (LostDetail*)((nuint)_lost + listBytes);
        _store = RecordStore.TryCreate(_pages)!;
        _annotations = AnnotationTable.TryCreate(_pages)!;
        _context = (ScanContext*)((nuint)_lost + lostBytes);
        _view = (SnapshotView*)((nuint)_context + Page);
        _counters = (ScanCounters*)((nuint)_view + Page);
        Mappings = (Mapping*)((nuint)_context + 1024);
        _context->GivenMappings = Mappings;
        _context->ManagedHeap = ManagedHeapMode.None;
        _context->Counters = _counters;
        _context->Lost = _lost;
        _context->LostCapacity = blockCapacity + 1;
        _context->LostDetails = _details;
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
    public nuint AddBlock(nuint offset, nuint byteCount, BlockFlags flags = BlockFlags.None, uint birthTick = 0, ulong? ordinal = null,
        ushort thread = 0)
    {
        // Put back, not inserted: so birth and order are the test's, and overlapped blocks stay for the scan to find.
        BlockRecord record = new()
        {
            Address = (nuint)Heap + offset,
            BlockByteCount = byteCount,
            Flags = flags,
            ThreadNumber = thread,
            Ordinal = ordinal ?? (((ulong)birthTick << PackedRecord.SequenceBits) | (uint)++_count),
        };
        Assert.That(_store.Restore(in record));
        return record.Address;
    }

    /// <summary>Takes a block out, as a free does.</summary>
    public void RemoveBlock(nuint address) => Assert.That(_store.TryRemove(address, out _));

    /// <summary>From now on scans remember what holds each block.</summary>
    public void RememberHolders(int scan)
    {
        if (_context->HolderTable.Entries == null)
        {
            _context->HolderTable.Capacity = 4096 / HolderEntry.ByteCount;
            _context->HolderTable.Entries = (HolderEntry*)_pages.AllocatePrivate(4096);
        }

        _context->RemembersHolders = 1;
        _context->ScanNumber = (ulong)scan;
    }

    /// <summary>Adds a stopped thread; its registers and its stack are where the test says.</summary>
    public void AddThread(in ParkedThread thread)
    {
        if (_view->Threads == null)
        {
            _view->Threads = (ParkedThread*)_pages.AllocatePrivate(4096);
        }

        _view->Threads[_view->ThreadCount++] = thread;
    }

    /// <summary>Notes something about the block that was added last, which must have the flag Annotated.</summary>
    public void Annotate(nuint address, AnnotationKind kind, ulong first = 0, ulong second = 0)
    {
        Assert.That(_annotations.TrySet(address, (uint)_count, kind, first, second));
        _context->Annotations = _annotations.Freeze();
    }

    /// <summary>Adds a mapping; without any, root area and heap are one readable and writable mapping.</summary>
    public void Map(nuint start, nuint end, MappingAccess access, MappingKind kind = MappingKind.Anonymous)
    {
        Mappings[_mappings].Start = start;
        Mappings[_mappings].End = end;
        Mappings[_mappings].Access = access;
        Mappings[_mappings].Kind = kind;
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

    /// <summary>Scans with a question.</summary>
    public RawAnswer Ask(QuestionKind kind, nuint address)
    {
        _context->Answer = QuestionPages.Ask(new Question(kind, ~address));
        Scan();
        RawAnswer? answer = QuestionPages.Take(_context->Answer);
        _context->Answer = null;
        return answer ?? throw new InvalidOperationException("the scan gave no answer");
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

    public LostDetail DetailOf(nuint address)
    {
        for (int i = 0; i < Lost.Length; i++)
        {
            if (Lost[i].Address == address)
            {
                return _details[i];
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
