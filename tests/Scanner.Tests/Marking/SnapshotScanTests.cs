// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.ExitApps;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Questions;
using NativeLeak.Verdicts;
using static NativeLeak.Scanner.Tests.Marking.PlantedBlocks;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Whole scans of the process that runs this suite: parked, cloned, marked, judged.</summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class SnapshotScanTests
{
    private static nint s_holder;
    private static object? s_object;
    private SnapshotScan _scan = null!;

    [OneTimeSetUp]
    public void Start()
    {
        AllocationRecorder.Start(16);
        Prepare();
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
        string path = VerdictOf(lost, hidden) == Verdict.Definite ? string.Empty : Ask(QuestionKind.Path, hidden).Text;
        Assert.Multiple(() =>
        {
            Assert.That(VerdictOf(held, hidden), Is.EqualTo(Verdict.Reachable));
            Assert.That(VerdictOf(lost, hidden), Is.EqualTo(Verdict.Definite), path);
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

    [Test]
    public void Asked_who_points_at_a_block_the_scan_names_objects_and_tells_dead_ones_from_live_ones()
    {
        nuint hidden = OnThread(() =>
        {
            nuint block = Allocate(1501);
            s_object = new Holder { Pointer = block };
            return ~block;
        });
        LeakAnswer held = Ask(QuestionKind.Who, hidden), path = Ask(QuestionKind.Path, hidden);
        s_object = null;
        LeakAnswer dropped = Ask(QuestionKind.Who, hidden);
        using ScanOutcome afterwards = Scan();
        Assert.Multiple(() =>
        {
            Assert.That(held.Block?.Verdict, Is.EqualTo("reachable"), held.Text);
            Assert.That(held.Pointers, Has.One.Matches<AnsweredPointer>(
                static pointer => pointer is { Standing: "counts", Offset: 0, Holder.Place: "object" }
                    && pointer.Holder.Description.EndsWith("Holder.Pointer", StringComparison.Ordinal)), held.Text);
            Assert.That(path.Path[0].Description, Does.EndWith("Holder.Pointer"), path.Text);
            Assert.That(path.EndsAtRoot, path.Text);
            Assert.That(dropped.Block?.Verdict, Is.EqualTo("definite"), dropped.Text);
            Assert.That(dropped.Pointers.Where(static pointer => pointer.Holder.Place == "object"),
                Is.Not.Empty.And.All.Property("Standing").EqualTo("dead"), dropped.Text);
            Assert.That(VerdictOf(afterwards, hidden), Is.EqualTo(Verdict.Definite), "an answer keeps nothing alive");
        });
        Free(~hidden);
    }

    [Test]
    public void Asked_about_a_static_and_a_frame_the_scan_names_the_thread_and_the_method()
    {
        nuint hidden = OnThread(() =>
        {
            nuint block = Allocate(1601);
            s_holder = (nint)block;
            return ~block;
        });
        using ManualResetEventSlim ready = new(), done = new();
        Thread worker = new(() => HoldInFrame(hidden, ready, done)) { Name = "holder-thread" };
        worker.Start();
        ready.Wait();
        LeakAnswer answer = Ask(QuestionKind.Who, hidden), dump = Ask(QuestionKind.Dump, hidden);
        done.Set();
        worker.Join();
        s_holder = 0;
        Assert.Multiple(() =>
        {
            Assert.That(answer.Pointers, Has.Some.Matches<AnsweredPointer>(
                static pointer => pointer is { Standing: "counts", Holder.Place: "shared" or "memory" or "object" }), answer.Text);
            Assert.That(answer.Pointers, Has.Some.Matches<AnsweredPointer>(
                static pointer => pointer is { Standing: "counts", Offset: 16, Holder.Place: "stack" }
                    && pointer.Holder.Description.Contains("\"holder-thread\"", StringComparison.Ordinal)
                    && pointer.Holder.Description.Contains("in a frame of", StringComparison.Ordinal)), answer.Text);
            Assert.That(dump.Hex, Does.StartWith("0000"), dump.Text);
            Assert.That(dump.Text, Does.Contain("1601 byte(s)"));
        });
        Free(~hidden);
    }

    [Test]
    public void What_chunks_in_the_quick_lists_of_the_C_heap_hold_is_weak_evidence()
    {
        // Now and then the heap merges the chunks at once (the compiler asks for something large): they are plainly free then.
        const int MaximumRounds = 10;
        long weak = 0;
        for (int round = 0; round < MaximumRounds && weak == 0; round++)
        {
            weak = HoldByQuickLists();
        }

        Assert.That(weak, Is.GreaterThan(0));
    }

    // Returns how many blocks were held by weak evidence when their holders were freed.
    private long HoldByQuickLists()
    {
        const int Count = 16;
        nuint[] hidden = new nuint[Count];
        nuint[] holders = new nuint[Count];
        OnThread(() =>
        {
            for (int i = 0; i < Count; i++)
            {
                hidden[i] = ~Allocate(1701);
            }

            return 0;
        });
        using ManualResetEventSlim step = new(), go = new();
        Thread owner = new(() =>
        {
            for (int i = 0; i < Count; i++)
            {
                nuint* holder = (nuint*)NativeMemory.AllocZeroed(100);
                holder[5] = ~hidden[i];
                holders[i] = ~(nuint)holder;
            }

            ScrubStack();
            step.Set();
            go.Wait();
            for (int i = 0; i < Count; i++)
            {
                NativeMemory.Free((void*)~holders[i]);
            }

            ScrubStack();
            go.Reset();
            step.Set();
            go.Wait();
        });
        owner.Start();
        step.Wait();
        step.Reset();
        using ScanOutcome used = Scan();
        go.Set();
        step.Wait();
        using ScanOutcome freed = Scan();
        int lost = hidden.Count(one => VerdictOf(freed, one) != Verdict.Reachable);
        long weak = freed.Counters.Held.FrailBlocks - used.Counters.Held.FrailBlocks;
        go.Set();
        owner.Join();
        Assert.Multiple(() =>
        {
            Assert.That(hidden.Select(one => VerdictOf(used, one)), Is.All.EqualTo(Verdict.Reachable));
            Assert.That(weak + lost, Is.GreaterThanOrEqualTo(Count),
                $"nothing of freed chunks is good evidence; {freed.Counters.FreeChunkBytes} byte(s) were seen to be free");
        });
        Array.ForEach(hidden, static one => Free(~one));
        return weak;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void HoldInFrame(nuint hidden, ManualResetEventSlim ready, ManualResetEventSlim done)
    {
        nuint* frame = stackalloc nuint[4];
        frame[1] = ~hidden + 16;
        ready.Set();
        done.Wait();
        frame[1] = 0;
        ScrubStack();
    }

    // An answer is about addresses: it is put into words on the thread that ends, not on a stack that the next scan reads.
    private LeakAnswer Ask(QuestionKind kind, nuint hidden)
    {
        Question question = new(kind, hidden);
        LeakAnswer? answer = null;
        Scan(question, outcome =>
        {
            answer = new AnswerBuilder(new FakeFacts()).Build(outcome, question);
            outcome.Dispose();
        });
        return answer!;
    }

    private ScanOutcome Scan()
    {
        ScanOutcome? outcome = null;
        Scan(default, one => outcome = one);
        return outcome!;
    }

    private void Scan(Question question, Action<ScanOutcome> take)
    {
        Thread scanner = new(() =>
        {
            take(_scan.Run(new(TimeSpan.Zero, ManagedHeapMode.Trace, false, 1000) { Question = question, RemembersHolders = true }));
            ScrubStack();
        });
        scanner.Start();
        scanner.Join();
    }

    private sealed class Holder
    {
        public nuint Pointer;
    }
}
