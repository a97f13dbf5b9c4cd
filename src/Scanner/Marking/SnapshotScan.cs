// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one snapshot scan from the parent's side: buffers, the clone, the results.
// Who calls it: the scanner thread.
// The one idea: everything both sides need is laid out before the clone; the child's results are plain structs in shared
// pages, so nothing of the child's work can disturb the parent's heap.
// Safety: the context is a page of ours that is never given back; the callbacks get that very page.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Naming;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Questions;
using NativeLeak.Roots;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Marking;

/// <summary>Scans by snapshot. Used by one thread, the scanner's. Creating it costs some milliseconds (it compiles the child).</summary>
[ChildCode]
internal sealed unsafe class SnapshotScan : ILeakScan
{
    /// <summary>Silence after which a child is taken for hung. It reports progress at least every few megabytes.</summary>
    private static readonly TimeSpan s_silenceLimit = TimeSpan.FromSeconds(10);

    private const int MaximumAttempts = 3;

    /// <summary>A scan that could not hold every thread is repeated so often, after a pause of this length.</summary>
    private const int MaximumRepeats = 4;
    private static readonly TimeSpan s_repeatDelay = TimeSpan.FromMilliseconds(20);

    // Words that may point at blocks, from memory the child cannot see: 8 million, 64 MiB of shared pages, used on demand.
    private const long LiveWordCapacity = 8 << 20;

    private readonly ISnapshotEngine _engine;
    private readonly ManagedHeapLayout _managed;
    private readonly PreciseCollection _collection = new();
    private readonly TypeLayouts _layouts = new();
    private readonly ChildContext* _context;
    private int _number;
    private int _firstCaution;

    /// <summary>What both snapshot callbacks get: the scan, and the parent's own buffers.</summary>
    private struct ChildContext
    {
        public ScanContext Scan;
        public LiveMemoryBuffers Buffers;
    }

    /// <summary>Prepares the child's code and proves it on a small graph.</summary>
    /// <exception cref="InsufficientMemoryException">No pages for the buffers.</exception>
    /// <exception cref="InvalidOperationException">The self-test of the marker failed: nothing it says could be trusted.</exception>
    public SnapshotScan(ISnapshotEngine engine)
    {
        _engine = engine;
        _managed = ManagedHeapLayouts.Find(out string reason);
        ManagedHeapReason = reason;
        ChildCode.PrepareAll(typeof(MemoryRange).Assembly);
        ChildCode.PrepareAll(typeof(RecordTable).Assembly);
        ChildCode.PrepareAll(typeof(SnapshotScan).Assembly);

        IPageSource pages = Platform.Pages;
        _context = (ChildContext*)pages.AllocatePrivate(pages.PageByteCount);
        if (_context == null || !LiveMemoryBuffers.TryCreate(&_context->Buffers))
        {
            throw new InsufficientMemoryException("no memory for the scanner's buffers");
        }

        ScanContext* scan = &_context->Scan;
        scan->SelfMapsPath = _context->Buffers.ChildPath + 256;
        "/proc/self/maps\0"u8.CopyTo(new Span<byte>(scan->SelfMapsPath, 32));
        scan->SelfMemoryPath = scan->SelfMapsPath + 32;
        "/proc/self/mem\0"u8.CopyTo(new Span<byte>(scan->SelfMemoryPath, 32));
        scan->Live = (LiveMemoryResult*)pages.AllocateShared(pages.PageByteCount);
        scan->LiveWords = (nuint*)pages.AllocateShared((nuint)LiveWordCapacity * (nuint)sizeof(nuint));
        scan->LivePlaces = (nuint*)pages.AllocateShared((nuint)LiveWordCapacity * (nuint)sizeof(nuint));
        scan->LiveWordCapacity = scan->LiveWords == null ? 0 : LiveWordCapacity;
        scan->Counters = (ScanCounters*)pages.AllocateShared(pages.PageByteCount);
        scan->FreeChunkKey = FreeChunkKey.Find();
        scan->AllocatorState = AllocatorState.Find();
        scan->RuntimeCode = RuntimeCode.Find(out scan->RuntimeCodeCount);
        scan->VectorParts = VectorParts.Find(out scan->VectorPartCount);
        if (scan->Live == null || scan->LiveWords == null || scan->Counters == null)
        {
            throw new InsufficientMemoryException("no memory for the scanner's buffers");
        }

        MarkingSelfTest.Run();
    }

    /// <summary>Why the managed heap cannot be traced; empty when it can.</summary>
    public string ManagedHeapReason { get; }

    /// <summary>How many markers work at the same time: a second one where there is a processor for it.</summary>
    public int Markers { get; init; } = Math.Min(Environment.ProcessorCount, 2);

    /// <summary>What both ways to scan fill in, and where results come.</summary>
    internal ScanContext* Context => &_context->Scan;

    /// <summary>Types a scan met whose fields can be read from now on; 0: none, or fields are not read.</summary>
    internal int AddMetTypes() => Context->Types == null ? 0 : _layouts.AddMet();

    /// <inheritdoc/>
    public ScanOutcome Run(in ScanParameters parameters)
    {
        PreparedScan prepared = Begin(parameters);
        Freeze();
        return End(prepared, Take(), ScanManner.Snapshot);
    }

    /// <summary>Lays out one scan. Collections that a mode asks for happen here.</summary>
    internal PreparedScan Begin(in ScanParameters parameters)
    {
        DateTimeOffset startedAt = DateTimeOffset.UtcNow;
        long started = Stopwatch.GetTimestamp();
        ManagedHeapMode managedHeap = PrepareManagedHeap(parameters, out string managedHeapReason);
        IPageSource pages = Platform.Pages;
        nuint entries = (nuint)Math.Min((ulong)Math.Max(parameters.MaximumLostBlocks, 1), RecordTable.HighWater + 1UL);
        nuint lostByteCount = ((entries * LostBlock.ByteCount) + pages.PageByteCount - 1) & ~(pages.PageByteCount - 1);
        nuint lost = pages.AllocateShared(lostByteCount);
        nuint detailByteCount = ((entries * LostDetail.ByteCount) + pages.PageByteCount - 1) & ~(pages.PageByteCount - 1);
        nuint details = lost == 0 ? 0 : pages.AllocateShared(detailByteCount);

        ScanContext* scan = &_context->Scan;
        scan->Lost = (LostBlock*)lost;
        scan->LostCapacity = lost == 0 ? 0 : (long)entries;
        scan->LostDetails = (LostDetail*)details;
        scan->Answer = QuestionPages.Ask(parameters.Question);
        scan->RemembersHolders = parameters.RemembersHolders ? 1 : 0;
        scan->Managed = _managed;
        scan->ManagedHeap = managedHeap;
        scan->Types = managedHeap == ManagedHeapMode.Precise ? _layouts.Table : null;
        scan->InteriorCountsAsStart = parameters.InteriorCountsAsStart ? 1 : 0;
        scan->SkipsStacks = parameters.SkipsStacks ? 1 : 0;
        scan->WantsChecksums = parameters.WantsChecksums ? 1 : 0;
        scan->Heuristics = parameters.Heuristics;
        scan->MinimumAgeTicks = CoarseClock.ToTicks(parameters.MinimumAge);
        scan->SampleInterval = parameters.SampleIntervalBytes;
        scan->FirstCaution = _firstCaution;
        scan->Markers = Markers;
        scan->LargePageRoom = Math.Max(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - Environment.WorkingSet, 0);
        scan->ScanNumber = ScanNumbers.Begin();
        _number = (int)scan->ScanNumber;
        scan->IsLast = parameters.IsLast ? 1 : 0;
        *scan->Counters = default;
        if (parameters.RemembersHolders)
        {
            HolderTable.Grow(ref scan->HolderTable, RecordTable.HighWater);
        }

        return new PreparedScan(startedAt, started, lost, lostByteCount, details, detailByteCount, managedHeap, managedHeapReason,
            parameters.SampleIntervalBytes);
    }

    /// <summary>Where the tables lie that a world which stands still is judged by. Read last: what is allocated later is not
    /// judged in this scan, and counts as memory of others.</summary>
    internal void Freeze()
    {
        ScanContext* scan = &_context->Scan;
        scan->Annotations = BlockHints.Freeze();
        scan->Pools = PoolRanges.Freeze();
        scan->RegisteredRootCount = RegisteredRoots.Count;
        scan->RegisteredRoots = RegisteredRoots.Table;
        scan->ExitFrames = ExitFrames.Current;
        scan->NowTick = CoarseClock.NowTicks;
        scan->OwnRanges = OwnMemory.Ranges;
        scan->OwnCount = OwnMemory.Count;
        scan->Records = RecordTable.Freeze();
    }

    /// <summary>Takes the snapshot, and again as long as that can help.</summary>
    internal SnapshotResult Take()
    {
        // Where even that is refused, what only the parent can read counts as unreadable.
        bool reads = MemoryFile.TryOpenForSnapshot();
        try
        {
            SnapshotResult result = TakeAsOftenAsItHelps();
            return reads && result.Status == SnapshotStatus.Completed && !MemoryFile.IsSound()
                ? result with
                {
                    Status = SnapshotStatus.ReadingUnavailable,
                    Detail = "the descriptor of /proc/self/mem was closed by the application",
                }
                : result;
        }
        finally
        {
            MemoryFile.Close();
        }
    }

    private SnapshotResult TakeAsOftenAsItHelps()
    {
        ScanContext* scan = &_context->Scan;
        SnapshotRequest request = new()
        {
            BeforeClone = &BeforeClone,
            AfterClone = &AfterClone,
            Child = &Child,
            Context = _context,
            SilenceLimit = s_silenceLimit,
            MaxAttempts = MaximumAttempts,
        };
        SnapshotResult result = _engine.Take(in request);
        if (result.Status == SnapshotStatus.Completed)
        {
            // What killed a child that read directly will still be there: later scans ask for each page from the start.
            _firstCaution = Math.Min(scan->Caution, ScanContext.ProbeFirst);
        }

        if (result.Status == SnapshotStatus.Completed && AddMetTypes() > 0)
        {
            // Now that the types it met are known, their objects can be read by their fields.
            result = _engine.Take(in request);
        }

        for (int again = 0; again < MaximumRepeats && result.Status == SnapshotStatus.Completed && result.ThreadsUncovered > 0; again++)
        {
            // Threads that start, end or fork cannot be held for a moment; a moment later they can.
            Thread.Sleep(s_repeatDelay);
            result = _engine.Take(in request);
        }

        return result;
    }

    /// <summary>The outcome of what was laid out. The lost blocks go with it.</summary>
    internal ScanOutcome End(in PreparedScan prepared, in SnapshotResult result, in ScanManner manner)
    {
        ScanContext* scan = &_context->Scan;
        return new NativeScanOutcome(prepared.Lost, prepared.LostByteCount, prepared.Details, prepared.DetailByteCount)
        {
            Answer = QuestionPages.Take(scan->Answer),
            Number = _number,
            StartedAt = prepared.StartedAt,
            Duration = Stopwatch.GetElapsedTime(prepared.Started),
            Snapshot = result,
            Counters = result.Status == SnapshotStatus.Completed ? *scan->Counters : default,
            Manner = manner,
            ManagedHeap = prepared.ManagedHeap,
            ManagedHeapReason = prepared.ManagedHeapReason,
            SampleInterval = prepared.SampleInterval,
        };
    }

    // The mode that will run, and why it is not the one that was asked for. Collections happen here, while all threads run.
    private ManagedHeapMode PrepareManagedHeap(in ScanParameters parameters, out string reason)
    {
        ManagedHeapMode asked = parameters.ManagedHeap;
        bool isUnknown = _managed.CanTrace == 0 && (asked != ManagedHeapMode.None || _managed.HeapStart == _managed.HeapEnd);
        reason = isUnknown && asked != ManagedHeapMode.Conservative ? ManagedHeapReason : string.Empty;
        if (isUnknown)
        {
            // Where it lies is not known, so it cannot even be left out.
            return asked == ManagedHeapMode.None ? ManagedHeapMode.Conservative : asked;
        }

        if (asked != ManagedHeapMode.Precise)
        {
            return asked;
        }

        if (!_collection.Run(parameters.CanFinalize, out reason))
        {
            return ManagedHeapMode.Trace;
        }

        if (_layouts.Table == null)
        {
            reason += (reason.Length > 0 ? "; " : string.Empty) + "fields cannot be located here: objects are read by words";
        }

        return asked;
    }

    [MethodImpl(ChildCode.Options)]
    private static void BeforeClone(SnapshotView* view, void* context)
    {
        ScanContext* scan = &((ChildContext*)context)->Scan;
        int caution = scan->FirstCaution + view->FailedChildren;
        scan->Caution = caution < ScanContext.CopyFirst ? caution : ScanContext.CopyFirst;
    }

    [MethodImpl(ChildCode.Options)]
    private static void AfterClone(SnapshotView* view, void* context)
        => LiveMemory.Capture(view, &((ChildContext*)context)->Buffers, &((ChildContext*)context)->Scan);

    [MethodImpl(ChildCode.Options)]
    private static void Child(SnapshotView* view, void* context) => ChildScan.Run(view, &((ChildContext*)context)->Scan);
}
