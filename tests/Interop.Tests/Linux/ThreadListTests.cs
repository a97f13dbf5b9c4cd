// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>How single threads stand in a snapshot: registers, stack pointers, and those that cannot be parked.</summary>
internal sealed unsafe class ThreadListTests
{
    private const ulong VectorValue = 0x7A11_0000_BEEF_0001, GeneralValue = 0x7A11_0000_BEEF_0002;

    [Test]
    public void A_value_that_exists_only_in_rbx_is_in_the_general_registers_of_its_thread()
    {
        using ParkedThreadActor actor = ParkedThreadActor.Spinning(VectorValue, GeneralValue);
        using SnapshotProbe probe = new();
        probe.Context->Sought = GeneralValue;
        Assert.That(SnapshotProbe.Take(probe.Request(&ProbeChild.Check)).Status, Is.EqualTo(SnapshotStatus.Completed));
        Assert.That(probe.Context->FoundInRegisters, Is.EqualTo(1));
        Assert.That(probe.Context->FoundInVectors, Is.Zero);
    }

    [Test]
    public void A_value_that_exists_only_in_xmm15_is_in_the_vector_registers_of_its_thread()
    {
        using ParkedThreadActor actor = ParkedThreadActor.Spinning(VectorValue, GeneralValue);
        using SnapshotProbe probe = new();
        probe.Context->Sought = VectorValue;
        Assert.That(SnapshotProbe.Take(probe.Request(&ProbeChild.Check)).Status, Is.EqualTo(SnapshotStatus.Completed));
        Assert.That(probe.Context->FoundInVectors, Is.EqualTo(1));
        Assert.That(probe.Context->FoundInRegisters, Is.Zero);
    }

    [Test]
    public void The_stack_pointer_lies_between_the_live_frames_and_the_dead_ones()
    {
        using ParkedThreadActor actor = ParkedThreadActor.Returned();
        using SnapshotProbe probe = Look(actor, out _);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((ThreadParkState)(probe.Context->FoundState - 1), Is.EqualTo(ThreadParkState.Parked));
            Assert.That(probe.Context->FoundStackPointer, Is.LessThan(actor.LiveAddress));
            Assert.That(probe.Context->FoundStackPointer, Is.GreaterThan(actor.DeadAddress));
            Assert.That(probe.Context->FoundThreadControlBlock, Is.GreaterThan(actor.LiveAddress), "pthreads lie above stacks");
        }
    }

    [Test]
    public void A_thread_that_blocks_the_signal_and_sleeps_is_asleep_with_an_exact_stack_pointer()
    {
        using ParkedThreadActor actor = ParkedThreadActor.BlockingAsleep();
        Assert.That(SpinWait.SpinUntil(() => IsAsleep(actor.ThreadId), TimeSpan.FromSeconds(30)));
        using SnapshotProbe probe = Look(actor, out SnapshotResult result);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((ThreadParkState)(probe.Context->FoundState - 1), Is.EqualTo(ThreadParkState.Asleep));
            Assert.That(KernelStackPointer(actor.ThreadId), Is.EqualTo(probe.Context->FoundStackPointer));
            Assert.That(result.ThreadsUncovered, Is.Zero);
        }
    }

    [Test]
    public void A_thread_that_blocks_the_signal_and_runs_is_listed_as_blocking_and_counted_as_uncovered()
    {
        using ParkedThreadActor actor = ParkedThreadActor.BlockingBusy();
        using SnapshotProbe probe = Look(actor, out SnapshotResult result);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((ThreadParkState)(probe.Context->FoundState - 1), Is.EqualTo(ThreadParkState.Blocking));
            Assert.That((ulong)probe.Context->FoundStackPointer, Is.Zero);
            Assert.That(result.ThreadsUncovered, Is.EqualTo(1));
        }
    }

    [Test]
    public void Asks_that_a_thread_never_takes_do_not_pile_up_in_its_queue()
    {
        ParkedThreadActor actor = ParkedThreadActor.BlockingBusy();
        using (actor)
        {
            using SnapshotProbe probe = new();
            for (int i = 0; i < 20; i++)
            {
                SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing));
            }
        }

        Assert.That(actor.SignalsQueued, Is.EqualTo(1));
    }

    [Test]
    public void A_signal_taken_after_its_snapshot_touches_nothing_and_the_thread_parks_next_time()
    {
        using ManualResetEvent goOn = new(false), went = new(false);
        using ParkedThreadActor actor = ParkedThreadActor.BlockingThenSleeping(goOn, went);
        using (SnapshotProbe asked = Look(actor, out _))
        {
            Assert.That((ThreadParkState)(asked.Context->FoundState - 1),
                Is.EqualTo(ThreadParkState.Asleep).Or.EqualTo(ThreadParkState.Blocking));
        }

        ParkingSlot* slot = Slot(actor.ThreadId);
        ParkingSlot before = *slot;
        goOn.Set();
        went.WaitOne();
        Assert.That(slot->State, Is.EqualTo(ParkingState.Abandoned));
        Assert.That(slot->Word, Is.EqualTo(before.Word));
        Assert.That(slot->UserContext, Is.EqualTo(before.UserContext));

        using SnapshotProbe parked = Look(actor, out _);
        Assert.That((ThreadParkState)(parked.Context->FoundState - 1), Is.EqualTo(ThreadParkState.Parked));
    }

    [Test]
    public void A_thread_that_ends_while_it_is_asked_is_gone_and_costs_nothing_else()
    {
        for (int i = 0; i < 50; i++)
        {
            using ParkedThreadActor actor = ParkedThreadActor.EndingWhenAsked();
            using SnapshotProbe probe = Look(actor, out SnapshotResult result);
            Assert.That(result.Status, Is.EqualTo(SnapshotStatus.Completed), result.ToString());
            if (probe.Context->FoundState == (int)ThreadParkState.Gone + 1)
            {
                return; // how long its end takes is the scheduler's business; once in fifty it is quick enough
            }
        }

        Assert.Fail("no thread was ever seen to end while it was asked");
    }

    [Test]
    public void A_worker_of_the_kernel_is_no_gap_in_the_coverage()
    {
        const nint IoUringSetup = 425;
        const uint PollingThread = 2;
        uint* parameters = stackalloc uint[30]; // struct io_uring_params: entries, entries, flags, …
        parameters[2] = PollingThread;
        RawSyscall.Initialize();
        nint ring = RawSyscall.Invoke(IoUringSetup, 4, (nint)parameters);
        if (ring < 0)
        {
            Assert.Ignore($"no io_uring here (errno {-ring})");
        }

        try
        {
            string? worker = null;
            Assert.That(SpinWait.SpinUntil(() => (worker = FindThread("iou-sqp")) != null, TimeSpan.FromSeconds(30)),
                "the worker gives itself its name");
            using SnapshotProbe probe = new();
            probe.Context->ThreadId = int.Parse(Path.GetFileName(worker!));
            SnapshotResult result = TakeUntilCovered(probe);
            using (Assert.EnterMultipleScope())
            {
                Assert.That(result.Status, Is.EqualTo(SnapshotStatus.Completed), result.ToString());
                Assert.That((ThreadParkState)(probe.Context->FoundState - 1), Is.EqualTo(ThreadParkState.Asleep));
                Assert.That((ulong)probe.Context->FoundStackPointer, Is.Zero);
                Assert.That(result.ThreadsUncovered, Is.Zero);
            }
        }
        finally
        {
            RawSyscall.Invoke(SyscallNumber.Close, ring);
        }
    }

    [Test]
    public void Five_hundred_threads_are_all_parked()
    {
        List<ParkedThreadActor> actors = [];
        try
        {
            for (int i = 0; i < 500; i++)
            {
                actors.Add(ParkedThreadActor.Sleeping());
            }

            using SnapshotProbe probe = new();
            for (int i = 0; i < 3; i++)
            {
                SnapshotResult result = TakeUntilCovered(probe);
                Assert.That(result.Status, Is.EqualTo(SnapshotStatus.Completed), result.ToString());
                using (Assert.EnterMultipleScope())
                {
                    Assert.That(result.ThreadsFound, Is.GreaterThan(500));
                    Assert.That(result.ThreadsUncovered, Is.Zero, result.ToString());
                    Assert.That(result.ThreadsParked, Is.GreaterThanOrEqualTo(500));
                    Assert.That(probe.Context->ThreadsWrong, Is.Zero);
                }

                TestContext.Out.WriteLine(result);
            }
        }
        finally
        {
            actors.ForEach(actor => actor.Dispose());
        }
    }

    // On a busy machine a thread may not get a processor in time: it is said to be uncovered, and the snapshot is taken again,
    // as SnapshotScan does.
    private static SnapshotResult TakeUntilCovered(SnapshotProbe probe)
    {
        SnapshotResult result;
        int tries = 0;
        do
        {
            result = SnapshotProbe.Take(probe.Request(&ProbeChild.Check));
        }
        while (result.Status == SnapshotStatus.Completed && result.ThreadsUncovered > 0 && ++tries < 50);

        return result;
    }

    private static SnapshotProbe Look(ParkedThreadActor actor, out SnapshotResult result)
    {
        SnapshotProbe probe = new();
        probe.Context->ThreadId = actor.ThreadId;
        result = SnapshotProbe.Take(probe.Request(&ProbeChild.Check));
        Assert.That(result.Status, Is.EqualTo(SnapshotStatus.Completed), result.ToString());
        return probe;
    }

    private static ParkingSlot* Slot(int threadId)
    {
        ZoneState* zone = SnapshotMachinery.TestHookZone;
        for (int i = 0; i < zone->SlotCount; i++)
        {
            if (zone->Slots[i].ThreadId == threadId)
            {
                return zone->Slots + i;
            }
        }

        throw new InvalidOperationException("the thread was not asked");
    }

    private static string? FindThread(string name) => Directory.GetDirectories("/proc/self/task").FirstOrDefault(task =>
    {
        try
        {
            return File.ReadAllText($"{task}/comm").StartsWith(name, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // it ended meanwhile
        }
    });

    private static string[] SystemCall(int threadId)
        => File.ReadAllText($"/proc/self/task/{threadId}/syscall").Split(' ', StringSplitOptions.TrimEntries);

    private static bool IsAsleep(int threadId) => SystemCall(threadId)[0] == "202";

    private static nuint KernelStackPointer(int threadId) => nuint.Parse(
        SystemCall(threadId)[7].AsSpan(2), System.Globalization.NumberStyles.HexNumber);
}
