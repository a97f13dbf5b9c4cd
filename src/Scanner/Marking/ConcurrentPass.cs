// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one look at the living process: at its memory while it runs, or once at all of it while it is held.
// Who calls it: ConcurrentScan, as often as it takes.
// The one idea: the scan itself is the one that runs in a copy; here it gets copies of what must hold still (records, threads,
// hints, roots) and reads the rest through the kernel.
// Safety: the scan's context and all buffers are pages of ours that outlive the pass; the pass cleans up what it set there.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Marking;

/// <summary>Runs the scan in this process. Used by the scanner thread.</summary>
/// <param name="scan">Lays out what every scan needs.</param>
/// <param name="threads">Holds threads.</param>
/// <param name="buffers">Memory for the pass.</param>
/// <param name="pacing">When to pause, and when to give up.</param>
internal sealed unsafe class ConcurrentPass(SnapshotScan scan, IThreadHolder threads, ConcurrentBuffers buffers, ConcurrentPacing pacing)
{
    // Between the first thread that is held and the look lies the time that the slowest one takes to be held.
    private static readonly TimeSpan s_parkTime = TimeSpan.FromMilliseconds(500);

    /// <summary>Time of a processor that the last pass took.</summary>
    public TimeSpan WorkTime { get; private set; }

    /// <summary>Whether the collector ran during the last pass: it may have moved an object past the place of reading.</summary>
    public bool WasCollected { get; private set; }

    /// <summary>Marks the living memory while the process runs. The counters and the list of lost blocks are in the context.</summary>
    public SnapshotResult RunBesideTheProcess(int groupSize)
    {
        int collections = GC.CollectionCount(0);
        ScanContext* context = scan.Context;
        *context->Counters = default;
        using LiveRecords records = new();
        using CopiedTables tables = new();

        // First of all: a block that is allocated later counts as memory of others, so nothing is said of it. Then threads,
        // so that whoever made a judged block is looked at after it was made.
        context->NowTick = CoarseClock.NowTicks;
        if (!records.TryCollect(context))
        {
            return Failed("no memory for a copy of the records");
        }

        LiveReader.Reset(buffers.Reader);
        SnapshotResult held = CaptureThreads(groupSize);
        int mappings = buffers.ReadMappings(context->SelfMapsPath);
        if (held.Status == SnapshotStatus.ParkingUnavailable || mappings <= 0 || !tables.TryCopy(context, buffers))
        {
            return held.Status == SnapshotStatus.ParkingUnavailable ? held : Failed("the list of mappings, or of hints, could not be copied");
        }

        context->GivenMappings = buffers.Mappings;
        context->GivenMappingCount = mappings;
        buffers.Reader->Held = buffers.Capture->Copies;
        buffers.Reader->HeldCount = buffers.Capture->CopyCount;
        pacing.Attach(buffers.Reader);
        long started = MonotonicClock.ThreadNanoseconds();
        RunHere(context, buffers.View);
        pacing.Detach();
        WorkTime = TimeSpan.FromTicks((MonotonicClock.ThreadNanoseconds() - started) / 100);
        context->Counters->Warnings |= buffers.Capture->IsFull != 0 ? (long)ScanWarning.TableOverflow : 0;
        WasCollected = GC.CollectionCount(0) != collections;
        return buffers.Reader->IsAborted != 0 ? held with { Status = SnapshotStatus.Interrupted } : held;
    }

    /// <summary>Marks the living memory while all threads are held, for at most <paramref name="limit"/>.</summary>
    public SnapshotResult RunAtRest(TimeSpan limit)
    {
        ScanContext* context = scan.Context;
        *context->Counters = default;
        scan.Freeze();
        context->OwnCount = OwnMemory.CopyTo(buffers.Own);
        context->OwnRanges = buffers.Own;
        LiveReader.Reset(buffers.Reader);
        buffers.Reader->ProcessId = (int)RawSyscall.Invoke(SyscallNumber.Getpid);
        context->Reader = buffers.Reader;
        buffers.Ledger->Scan = context;
        RestingLook rest = new() { Scan = context, Reader = buffers.Reader, LimitNanoseconds = (long)limit.TotalNanoseconds };
        HoldRequest request = new() { Held = &RestingLook.Run, Context = &rest, Limit = limit + s_parkTime };
        ChildArena.KeepLedger(buffers.Ledger);
        SnapshotResult result = threads.Hold(in request);
        CleanUp(context);
        return result.Status == SnapshotStatus.Completed && (rest.WasRun == 0 || buffers.Reader->IsAborted != 0)
            ? result with { Status = SnapshotStatus.HoldExceeded }
            : result;
    }

    private SnapshotResult CaptureThreads(int groupSize)
    {
        ThreadCapture* capture = buffers.Capture;
        capture->ThreadCount = 0;
        capture->CopyCount = 0;
        capture->ByteCount = 0;
        capture->IsFull = 0;
        capture->ProcessId = (int)RawSyscall.Invoke(SyscallNumber.Getpid);
        capture->Mappings = buffers.Mappings;
        capture->MappingCount = Math.Max(buffers.ReadMappings(scan.Context->SelfMapsPath), 0);
        HoldRequest request = new() { Held = &ThreadCapture.Take, Context = capture, GroupSize = groupSize };
        SnapshotResult result = threads.Hold(in request);
        ThreadCapture.Sort(capture);
        *buffers.View = default;
        buffers.View->Threads = capture->Threads;
        buffers.View->ThreadCount = capture->ThreadCount;
        buffers.View->ParentProcessId = capture->ProcessId;
        return result;
    }

    private void RunHere(ScanContext* context, SnapshotView* view)
    {
        buffers.Reader->ProcessId = buffers.Capture->ProcessId;
        buffers.Ledger->Scan = context;
        context->Reader = buffers.Reader;
        ChildArena.KeepLedger(buffers.Ledger);
        ChildScan.Run(view, context);
        CleanUp(context);
    }

    private void CleanUp(ScanContext* context)
    {
        ChildArena.KeepLedger(null);
        ArenaLedger.ReleaseAll(buffers.Ledger);
        context->Reader = null;
        context->GivenMappings = null;
        context->GivenStarts = null;
        context->GivenRecords = null;
        context->LiveRecords = default;
    }

    private static SnapshotResult Failed(string detail)
        => new(SnapshotStatus.ReadingUnavailable, 0, 0, 1, 0, 0, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero, detail);
}
