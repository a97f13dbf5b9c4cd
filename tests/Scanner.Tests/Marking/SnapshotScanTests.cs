// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Whole scans of the process that runs this suite: parked, cloned, marked, judged.</summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class SnapshotScanTests
{
    private const nuint FreshByteCount = 1 << 30, UsedByteCount = 1 << 16;

    private static nuint s_fresh;
    private static nint s_holder;
    private static object? s_object;
    private SnapshotScan _scan = null!;

    [OneTimeSetUp]
    public void Start()
    {
        AllocationRecorder.Start(16);

        // Blocks in the middle of a gigabyte that nobody has used: in the C heap, stale pointers of the runtime's own would
        // make them possible now and then. Not pages of the detector's: those are no memory of the application.
        s_fresh = (nuint)RawSyscall.Invoke(SyscallNumber.Mmap, 0, (nint)FreshByteCount, 0, 0x4022, -1) + (FreshByteCount / 2);
        Assert.That(RawSyscall.Invoke(SyscallNumber.Mprotect, (nint)s_fresh, (nint)UsedByteCount, 3) == 0, Is.True);
        Thread scanner = new(() => _scan = new SnapshotScan(Platform.Snapshots));
        scanner.Start();
        scanner.Join();
    }

    [Test]
    public void The_managed_heap_of_this_process_can_be_traced() => Assert.That(_scan.ManagedHeapReason, Is.Empty);

    [Test]
    public void A_static_field_keeps_a_block_and_forgetting_it_loses_the_block()
    {
        nuint hidden = OnThread(() =>
        {
            nuint block = Allocate(1201);
            s_holder = (nint)block;
            return ~block;
        });
        ScanOutcome held = Scan();
        s_holder = 0;
        ScanOutcome lost = Scan();
        Assert.Multiple(() =>
        {
            Assert.That(held.Snapshot.Status, Is.EqualTo(SnapshotStatus.Completed), held.Snapshot.Detail);
            Assert.That(VerdictOf(held, hidden), Is.EqualTo(Verdict.Reachable));
            Assert.That(VerdictOf(lost, hidden), Is.EqualTo(Verdict.Definite));
            Assert.That((ScanWarning)lost.Counters.Warnings, Is.EqualTo(ScanWarning.None));
            Assert.That(lost.Counters.ObjectsTraced, Is.GreaterThan(1000));
        });
        Free(~hidden);
    }

    [Test]
    public void A_dropped_object_does_not_keep_its_block_though_no_collection_has_run()
    {
        nuint hidden = OnThread(() =>
        {
            nuint block = Allocate(1301);
            s_object = new Holder { Pointer = block };
            return ~block;
        });
        ScanOutcome held = Scan();
        s_object = null;
        ScanOutcome lost = Scan();
        Assert.Multiple(() =>
        {
            Assert.That(VerdictOf(held, hidden), Is.EqualTo(Verdict.Reachable));
            Assert.That(VerdictOf(lost, hidden), Is.EqualTo(Verdict.Definite));
        });
        Free(~hidden);
    }

    [Test]
    public void Scanning_again_gives_the_same_verdict_because_the_last_report_keeps_nothing_alive()
    {
        nuint hidden = OnThread(() => ~Allocate(1401));
        for (int i = 0; i < 5; i++)
        {
            using ScanOutcome outcome = Scan();
            Assert.That(VerdictOf(outcome, hidden), Is.EqualTo(Verdict.Definite), $"scan {i}");
        }

        Free(~hidden);
    }

    private ScanOutcome Scan()
    {
        ScanOutcome? outcome = null;
        Thread scanner = new(() => outcome = _scan.Run(new(TimeSpan.Zero, ManagedHeapMode.Trace, false, 1000)));
        scanner.Start();
        scanner.Join();
        return outcome!;
    }

    private static Verdict VerdictOf(ScanOutcome outcome, nuint hidden)
    {
        foreach (ref readonly LostBlock lost in outcome.Lost)
        {
            if (~lost.Address == hidden)
            {
                return lost.Verdict;
            }
        }

        return Verdict.Reachable;
    }

    // On a thread of its own, which ends: no stale copy of the address stays in this thread's frames. Nor in its own: the
    // next thread, the scanner's, is likely to get the same stack, and the holes of its frames would show the old words.
    private static nuint OnThread(Func<nuint> plant)
    {
        nuint result = 0;
        Thread thread = new(() =>
        {
            result = plant();
            ScrubStack();
        });
        thread.Start();
        thread.Join();
        return result;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ScrubStack()
    {
        const int ByteCount = 128 * 1024;
        byte* dead = stackalloc byte[ByteCount];
        NativeMemory.Fill(dead, ByteCount, 0x5C);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nuint Allocate(nuint byteCount)
    {
        nuint block = s_fresh;
        s_fresh += 4096;
        RecordTable.Insert(block, byteCount, AllocationApi.NativeMemoryAlloc, BlockFlags.None, 0);
        return block;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Free(nuint block)
    {
        AllocationRecorder.OnFreeing(block);
    }

    private sealed class Holder
    {
        public nuint Pointer;
    }
}
