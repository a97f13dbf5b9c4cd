// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Verdicts;
using static NativeLeak.Scanner.Tests.Marking.PlantedBlocks;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Scans of the process that runs this suite, while it runs.</summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class ConcurrentScanTests
{
    // What an unsound scan does: it reports what one look at moving memory did not reach.
    private static readonly ConcurrentRules s_unconfirmed = new() { PassesBeforeLook = 1, LooksAtRest = false, QuietPasses = 0 };

    // The product's, on a machine of any speed: the last look takes place.
    private static readonly ConcurrentRules s_patient = new() { LookLimit = TimeSpan.FromSeconds(20) };

    // No last look, as in a process that is too large for it.
    private static readonly ConcurrentRules s_passesOnly = new() { LooksAtRest = false, MaximumPasses = 100 };

    private const int MovingByteCount = 1801;
    private static nint s_holder;
    private ScanModes _scan = null!, _loose = null!, _passes = null!;

    [OneTimeSetUp]
    public void Start()
    {
        AllocationRecorder.Start(16);
        Prepare();
        Thread scanner = new(() =>
        {
            _scan = new ScanModes(Platform.Snapshots, Platform.Threads, s_patient);
            _loose = new ScanModes(Platform.Snapshots, Platform.Threads, s_unconfirmed);
            _passes = new ScanModes(Platform.Snapshots, Platform.Threads, s_passesOnly);
        });
        scanner.Start();
        scanner.Join();
    }

    [Test]
    public void A_static_field_keeps_a_block_and_forgetting_it_loses_the_block()
    {
        nuint hidden = OnThread(static () =>
        {
            nuint block = Allocate(1701);
            s_holder = (nint)block;
            return ~block;
        });
        using ScanOutcome held = Scan(_scan);
        s_holder = 0;
        using ScanOutcome lost = Scan(_scan), again = Scan(_scan), byPasses = Scan(_passes);
        Assert.Multiple(() =>
        {
            Assert.That(held.Snapshot.Status, Is.EqualTo(SnapshotStatus.Completed), held.Snapshot.Detail);
            Assert.That(held.Manner.Mode, Is.EqualTo(ScanMode.Concurrent));
            Assert.That(VerdictOf(held, hidden), Is.EqualTo(Verdict.Reachable));
            Assert.That(VerdictOf(lost, hidden), Is.EqualTo(Verdict.Definite));
            Assert.That((lost.Manner.IsAtRest, lost.Manner.Looks >= 3), Is.EqualTo((true, true)), $"{lost.Manner}");
            Assert.That((byPasses.Manner.IsAtRest, byPasses.Manner.Looks > 8), Is.EqualTo((false, true)), $"{byPasses.Manner}");
            Assert.That(lost.IsConclusive, Is.True, $"{(ScanWarning)lost.Counters.Warnings}, {lost.Snapshot}");
            Assert.That(lost.Counters.ObjectsTraced, Is.GreaterThan(1000));
            Assert.That(VerdictOf(again, hidden), Is.EqualTo(Verdict.Definite), "the first scan keeps nothing alive");
            Assert.That(VerdictOf(byPasses, hidden), Is.EqualTo(Verdict.Definite), "nor is the last look needed to find it");
        });
        Free(~hidden);
    }

    // Scenario 74.
    [Test]
    public void A_pointer_that_moves_between_two_roots_all_the_time_is_never_missed_by_a_report()
    {
        using Mover mover = new(MovingByteCount);
        for (int i = 0; i < 10; i++)
        {
            using ScanOutcome outcome = Scan(_scan);
            Assert.That(outcome.Snapshot.Status, Is.EqualTo(SnapshotStatus.Completed), outcome.Snapshot.Detail);
            Assert.That(VerdictOf(outcome, mover.Hidden), Is.EqualTo(Verdict.Reachable), $"scan {i} of {mover.Moves} moves");
        }

        Assert.That(mover.Moves, Is.GreaterThan(1000));
    }

    [Test]
    public void Nor_by_a_report_for_which_the_process_could_not_be_held()
    {
        using Mover mover = new(MovingByteCount);
        using ScanOutcome outcome = Scan(_passes);
        Assert.That(VerdictOf(outcome, mover.Hidden), Is.EqualTo(Verdict.Reachable), $"{mover.Moves} moves");
    }

    [Test]
    public void Control_a_scan_that_does_not_confirm_reports_the_moving_pointer()
    {
        using Mover mover = new(MovingByteCount);
        for (int i = 0; i < 500; i++)
        {
            using ScanOutcome outcome = Scan(_loose);
            if (VerdictOf(outcome, mover.Hidden) != Verdict.Reachable)
            {
                return;
            }
        }

        Assert.Fail($"500 looks at {mover.Moves} moves met the pointer each time: this test proves nothing");
    }

    [Test]
    public void Blocks_that_come_and_go_at_full_speed_are_never_reported()
    {
        const int Threads = 4, ByteCount = 1811;
        using CancellationTokenSource stop = new();
        long freed = 0;
        Thread[] crew = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(() => Interlocked.Add(ref freed, Churn(ByteCount, stop.Token))))];
        Array.ForEach(crew, static thread => thread.Start());
        try
        {
            for (int i = 0; i < 5; i++)
            {
                using ScanOutcome outcome = Scan(_scan), byPasses = Scan(_loose);
                Assert.That(outcome.Snapshot.Status, Is.EqualTo(SnapshotStatus.Completed), outcome.Snapshot.Detail);
                Assert.That(CountOf(outcome, ByteCount), Is.Zero, $"scan {i}");
            }
        }
        finally
        {
            stop.Cancel();
            Array.ForEach(crew, static thread => thread.Join());
        }

        Assert.That(freed, Is.GreaterThan(10_000));
    }

    [Test]
    public void Memory_that_is_unmapped_while_it_is_read_harms_nobody()
    {
        const nuint ByteCount = 8 << 20;
        using CancellationTokenSource stop = new();
        long unmapped = 0;
        Thread mapper = new(() =>
        {
            for (; !stop.IsCancellationRequested; unmapped++)
            {
                nuint memory = Map(ByteCount);
                NativeMemory.Fill((void*)memory, ByteCount, 0x11);
                RawSyscall.Invoke(SyscallNumber.Mprotect, (nint)(memory + 65536), 65536, 0);
                RawSyscall.Invoke(SyscallNumber.Munmap, (nint)memory, (nint)ByteCount);
            }
        });
        mapper.Start();
        try
        {
            for (int i = 0; i < 10; i++)
            {
                using ScanOutcome outcome = Scan(_loose);
                Assert.That(outcome.Snapshot.Status, Is.EqualTo(SnapshotStatus.Completed), outcome.Snapshot.Detail);
            }
        }
        finally
        {
            stop.Cancel();
            mapper.Join();
        }

        Assert.That(unmapped, Is.GreaterThan(10));
    }

    // One piece is 256 KiB: a pointer across the border, one at the far end.
    [TestCase(0)]
    [TestCase((256 << 10) - 4)]
    [TestCase((1 << 20) - 8)]
    public void A_large_block_is_read_to_its_end_piece_by_piece(int offset)
    {
        nuint[] hidden = new nuint[2];
        OnThread(() =>
        {
            nuint large = Allocate(1 << 20), inner = Allocate(1721);
            *(nuint*)(large + (nuint)offset) = inner;
            s_holder = (nint)large;
            hidden[0] = ~large;
            hidden[1] = ~inner;
            return 0;
        });
        using ScanOutcome held = Scan(_scan);
        s_holder = 0;
        using ScanOutcome lost = Scan(_scan);
        Assert.Multiple(() =>
        {
            Assert.That(hidden.Select(one => VerdictOf(held, one)), Is.All.EqualTo(Verdict.Reachable));
            // A megabyte is large enough for an old number of this process, in which many tests ran, to point into it.
            Assert.That(VerdictOf(lost, hidden[0]), Is.EqualTo(Verdict.Definite).Or.EqualTo(Verdict.Possible));
            Assert.That(VerdictOf(lost, hidden[1]), Is.EqualTo(Verdict.Indirect).Or.EqualTo(Verdict.Possible));
        });
        Array.ForEach(hidden, static one => Free(~one));
    }

    [Test]
    public void A_scan_that_is_given_up_says_so_and_reports_nothing()
    {
        nuint hidden = OnThread(static () => ~Allocate(1731));
        int asked = 0;
        using ScanOutcome early = Scan(_scan, static () => true), late = Scan(_scan, () => ++asked > 3);
        Assert.Multiple(() =>
        {
            Assert.That(new[] { early.Snapshot.Status, late.Snapshot.Status }, Is.All.EqualTo(SnapshotStatus.Interrupted));
            Assert.That(early.Lost.Length + late.Lost.Length, Is.Zero);
            Assert.That(early.IsConclusive || late.IsConclusive, Is.False);
            Assert.That(asked, Is.GreaterThan(3));
        });
        using ScanOutcome whole = Scan(_scan);
        Assert.That(VerdictOf(whole, hidden), Is.EqualTo(Verdict.Definite), "the next one is not disturbed");
        Free(~hidden);
    }

    [Test]
    public void A_block_whose_content_changes_is_in_use()
    {
        nuint hidden = OnThread(static () => ~Allocate(1741));
        using CancellationTokenSource stop = new();
        Thread writer = new(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                WriteTo(hidden);
                ScrubStack();
            }
        });
        writer.Start();
        using ScanOutcome written = Scan(_scan);
        stop.Cancel();
        writer.Join();
        using ScanOutcome quiet = Scan(_scan);
        Assert.That((VerdictOf(written, hidden), VerdictOf(quiet, hidden)), Is.EqualTo((Verdict.Reachable, Verdict.Definite)));
        Free(~hidden);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WriteTo(nuint hidden) => ++*(ulong*)(~hidden + 64);

    // Every block is in a list on a thread's stack, in the thread's own slot, or on its way between the two.
    private static long Churn(int byteCount, CancellationToken stop)
    {
        void** held = stackalloc void*[64];
        long freed = 0;
        for (int i = 0; !stop.IsCancellationRequested; i = (i + 1) % 64)
        {
            if (held[i] != null)
            {
                TrackedMemory.Free(held[i]);
                freed++;
            }

            held[i] = TrackedMemory.Alloc((nuint)byteCount);
            NativeMemory.Clear(held[i], (nuint)byteCount);

            // Chains that change: what was reached through a block before is reached through another one now.
            ((void**)held[i])[3] = held[(i + 17) % 64];
        }

        for (int i = 0; i < 64; i++)
        {
            TrackedMemory.Free(held[i]);
        }

        return freed;
    }

    private static int CountOf(ScanOutcome outcome, int byteCount)
    {
        int count = 0;
        foreach (ref readonly LostBlock lost in outcome.Lost)
        {
            count += lost.BlockByteCount == (nuint)byteCount ? 1 : 0;
        }

        return count;
    }

    private static ScanOutcome Scan(ScanModes scan, Func<bool>? isAborted = null)
    {
        ScanOutcome? outcome = null;
        Thread scanner = new(() => outcome = scan.Run(new(TimeSpan.Zero, ManagedHeapMode.Trace, false, 100_000)
        {
            Mode = ScanMode.Concurrent,
            IsAborted = isAborted,
        }));
        scanner.Start();
        scanner.Join();
        return outcome!;
    }
}
