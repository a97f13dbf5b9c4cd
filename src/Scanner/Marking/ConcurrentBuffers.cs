// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the memory of one scan of the living process.
// Who calls it: ConcurrentScan makes it and gives it back.
// The one idea: all of it comes from the page source, so all of it is known as ours: neither copies of stacks nor the list of
// blocks can be a root of this scan or of a later one.
// Safety: every table is carved here, with the capacities its type names; nothing is used after Dispose.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Roots;

namespace NativeLeak.Marking;

/// <summary>Tables and buffers. Shared pages: address space for the largest process, used as far as this one needs.</summary>
internal sealed unsafe class ConcurrentBuffers : IDisposable
{
    /// <summary>Mappings there is room for.</summary>
    public const int MappingCapacity = LiveMemoryBuffers.Capacity;

    /// <summary>Registered ranges there is room for.</summary>
    public const int RootCapacity = 1 << 16;

    private const nuint TextByteCount = 16 << 20;

    private readonly nuint _byteCount;
    private nuint _start;
    private nuint _used;

    private ConcurrentBuffers(nuint start, nuint byteCount, long bytesLeft)
    {
        _start = start;
        _byteCount = byteCount;
        Reader = (LiveReader*)Take((nuint)sizeof(LiveReader));
        Reader->Tags = (nuint*)Take(LiveReader.PageCapacity * (nuint)sizeof(nuint));
        Reader->Pages = Take(LiveReader.PageCapacity * 4096);
        Capture = (ThreadCapture*)Take((nuint)sizeof(ThreadCapture));
        Capture->Threads = (ParkedThread*)Take(ThreadCapture.ThreadCapacity * (nuint)sizeof(ParkedThread));
        Capture->Copies = (HeldCopy*)Take(ThreadCapture.CopyCapacity * (nuint)sizeof(HeldCopy));
        Capture->Bytes = Take(ThreadCapture.ByteCapacity);
        Ledger = (ArenaLedger*)Take((nuint)sizeof(ArenaLedger));
        Ledger->Items = (MemoryRange*)Take(ArenaLedger.Capacity * (nuint)sizeof(MemoryRange));
        Ledger->BytesLeft = bytesLeft;
        View = (SnapshotView*)Take((nuint)sizeof(SnapshotView));
        Own = (MemoryRange*)Take(OwnMemory.Capacity * (nuint)sizeof(MemoryRange));
        Roots = (RootEntry*)Take(RootCapacity * (nuint)RootEntry.ByteCount);
        Mappings = (Mapping*)Take(MappingCapacity * (nuint)sizeof(Mapping));
        Text = Take(TextByteCount);
    }

    public LiveReader* Reader { get; }

    public ThreadCapture* Capture { get; }

    public ArenaLedger* Ledger { get; }

    public SnapshotView* View { get; }

    /// <summary>A scan's own copy of the table of own memory, which grows with what the scan takes.</summary>
    public MemoryRange* Own { get; }

    public RootEntry* Roots { get; }

    public Mapping* Mappings { get; }

    private byte* Text { get; }

    /// <summary>Makes them; null without address space.</summary>
    public static ConcurrentBuffers? TryCreate()
    {
        const nuint ByteCount = ThreadCapture.ByteCapacity + (64 << 20);
        AddressSpaceBudget budget = AddressSpaceBudget.OfThisProcess();
        nuint start = budget.TryTake(ByteCount) ? Platform.Pages.AllocateShared(ByteCount) : 0;
        return start == 0 ? null : new ConcurrentBuffers(start, ByteCount, budget.Left);
    }

    /// <summary>Reads the list of mappings; −1 when it cannot be read whole.</summary>
    public int ReadMappings(byte* path)
    {
        nint length = MapsReader.Read(path, Text, (nint)TextByteCount);
        return length is <= 0 or >= (nint)TextByteCount ? -1 : MapsReader.Parse(Text, length, Mappings, MappingCapacity);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_start != 0)
        {
            Platform.Pages.Release(_start, _byteCount);
            _start = 0;
        }
    }

    private byte* Take(nuint byteCount)
    {
        nuint at = _start + _used;
        _used += (byteCount + 4095) & ~(nuint)4095;
        return _used <= _byteCount ? (byte*)at : throw new InvalidOperationException("the buffers of the scan are too small");
    }
}
