// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.Interop.Linux;
using NativeLeak.Interop.Tests.Actors;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>
/// Controls: what happens without two of our remedies. Each is played in a process of its own, since that process is meant
/// to suffer; beside it the same load with the remedy.
/// </summary>
internal sealed unsafe class SnapshotTrapTests
{
    private const int Forks = 20, Snapshots = 100;

    [Test]
    public void Control_a_fork_with_a_collection_poll_behind_it_hangs_in_the_child_and_the_watchdog_ends_it()
    {
        ActorEnding byCall = ActorProcess.Run("fork-while-suspending", "call");
        ActorEnding byStub = ActorProcess.Run("fork-while-suspending", "stub");
        TestContext.Out.WriteLine($"call: {byCall.Output}stub: {byStub.Output}");
        Assert.That(byCall.ExitCode, Is.Zero, byCall.ToString());
        Assert.That(byStub.ExitCode, Is.Zero, byStub.ToString());
        Assert.That(Figure(byCall, "other"), Is.Zero, "every child either finished or was killed for its silence");
        Assert.That(Figure(byCall, "hung"), Is.Positive, "the trap is there: without a hang this control proves nothing");
        Assert.That(Figure(byStub, "finished"), Is.EqualTo(Forks), "the same moment is harmless for the raw stub");
    }

    [Test]
    public void Control_a_private_parking_signal_kills_a_process_that_handles_null_references()
    {
        ActorEnding shared = ActorProcess.Run("park-under-faults", "shared");
        ActorEnding ownSignal = ActorProcess.Run("park-under-faults", "private");
        TestContext.Out.WriteLine($"private: {ownSignal}");
        Assert.That(shared.ExitCode, Is.Zero, $"with the runtime's signal nothing happens: {shared}");
        Assert.That(ownSignal.ExitCode, Is.GreaterThan(128), $"died of a signal: {ownSignal}");
    }

    [TestCase(11, TestName = "A_clone_refused_with_EAGAIN_is_reported_and_the_process_runs_on")]
    [TestCase(1, TestName = "A_clone_refused_with_EPERM_is_reported_and_the_process_runs_on")]
    [TestCase(12, TestName = "A_clone_refused_with_ENOMEM_is_reported_and_the_process_runs_on")]
    [TestCase(38, TestName = "A_clone_refused_with_ENOSYS_is_reported_and_the_process_runs_on")]
    public void A_refused_clone_is_reported(int errorNumber)
    {
        ActorEnding ending = ActorProcess.Run("clone-refused", $"{errorNumber}");
        Assert.That(ending.ExitCode, Is.Zero, ending.ToString());
        Assert.That(ending.Output, Does.Contain($"CloneRefused {errorNumber} attempts 1 before 1 after 0 alive True"));
    }

    [Test]
    public void Nobody_else_can_reap_the_child_and_no_SIGCHLD_is_sent()
    {
        ActorEnding ending = ActorProcess.Run("foreign-reaper");
        Assert.That(ending.ExitCode, Is.Zero, ending.ToString());
        Assert.That(ending.Output, Does.Contain("completed 60 of 60, stolen 0, signals 0"));
    }

    [Test]
    public void A_replaced_handler_means_that_nothing_is_parked_and_nobody_is_sent_a_signal()
    {
        ActorEnding ending = ActorProcess.Run("handler-replaced");
        Assert.That(ending.ExitCode, Is.Zero, ending.ToString());
        Assert.That(ending.Output, Does.Contain("Completed ParkingUnavailable Completed"));
    }

    [Test]
    public void A_signal_that_is_not_the_runtimes_at_the_start_means_no_parking()
    {
        ActorEnding ending = ActorProcess.Run("handler-foreign");
        Assert.That(ending.ExitCode, Is.Zero, ending.ToString());
        Assert.That(ending.Output, Does.Contain("ParkingUnavailable"));
    }

    [Actor("fork-while-suspending")]
    public static int ForkWhileSuspending(string[] arguments)
    {
        RawSyscall.Initialize();
        ChildCode.PrepareAll(typeof(ForkTrap).Assembly);
        var fork = arguments[0] == "stub" ? null : (delegate* unmanaged[SuppressGCTransition]<int>)NativeLibrary.GetExport(
            NativeLibrary.Load("libc.so.6"), "fork");
        int* collect = (int*)NativeMemory.AllocZeroed(sizeof(int));
        Thread collector = new(() =>
        {
            while (Volatile.Read(ref *collect) >= 0)
            {
                if (Interlocked.CompareExchange(ref *collect, 0, 1) == 1)
                {
                    GC.Collect();
                }
            }
        });
        collector.Start();
        long progress = 0;
        int[] endings = new int[5];
        for (int i = 0; i < Forks && endings[(int)ChildEnding.Silenced] < 3; i++)
        {
            int child = ForkTrap.Fork(fork, collect);
            endings[(int)ChildWatch.Await(child, -1, &progress, TimeSpan.FromSeconds(1), out _)]++;
        }

        Volatile.Write(ref *collect, -1);
        collector.Join();
        NativeMemory.Free(collect);
        int finished = endings[(int)ChildEnding.Finished], hung = endings[(int)ChildEnding.Silenced];
        Console.WriteLine($"finished={finished} hung={hung} other={endings.Sum() - finished - hung}");
        return 0;
    }

    /// <summary>Parks threads that keep running into null references, by the shared signal or by one of our own.</summary>
    [Actor("park-under-faults")]
    public static int ParkUnderFaults(string[] arguments)
    {
        using SnapshotProbe probe = new();
        bool isPrivate = arguments[0] == "private";
        if (isPrivate && !SnapshotMachinery.TestHookUsePrivateSignal(62))
        {
            return 3;
        }

        using ProcessLoad load = new(ProcessLoad.Kinds.Faults);
        for (int i = 0; i < (isPrivate ? Snapshots * 100 : Snapshots); i++)
        {
            SnapshotResult result = SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing));
            if (result.Status != SnapshotStatus.Completed)
            {
                Console.WriteLine(result);
                return 4;
            }
        }

        Console.WriteLine($"{load.Exceptions} exceptions");
        return load.Failure == null ? 0 : 5;
    }

    [Actor("clone-refused")]
    public static int CloneRefused(string[] arguments)
    {
        using SnapshotProbe probe = new();
        using ProcessLoad load = new(ProcessLoad.Kinds.Mutators);
        int errorNumber = int.Parse(arguments[0]);
        CloneFilter.Install(errorNumber);
        SnapshotResult result = SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing));

        // The mutators must be running again: wait until a counter moves.
        nuint seen = Volatile.Read(ref load.Counters[0]);
        bool alive = SpinWait.SpinUntil(() => Volatile.Read(ref load.Counters[0]) != seen, TimeSpan.FromSeconds(30));
        Console.WriteLine($"{result.Status} {result.ErrorNumber} attempts {result.Attempts} "
            + $"before {probe.Context->BeforeCalls} after {probe.Context->AfterCalls} alive {alive}");
        return 0;
    }

    [Actor("foreign-reaper")]
    public static int ForeignReaper(string[] arguments)
    {
        const nint NoHang = 1;
        int signals = 0, stolen = 0, completed = 0;
        bool stop = false;
        using PosixSignalRegistration registration = PosixSignalRegistration.Create(
            PosixSignal.SIGCHLD, _ => Interlocked.Increment(ref signals));
        Thread reaper = new(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                int status = 0;
                if (BlockingSyscall.Invoke(SyscallNumber.Wait4, -1, (nint)(&status), NoHang) > 0)
                {
                    stolen++;
                }
            }
        });
        reaper.Start();
        using SnapshotProbe probe = new();
        // On a busy machine a snapshot may take longer than threads wait, and is thrown away: that one does not count.
        for (int i = 0; i < 600 && completed < 60; i++)
        {
            completed += SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing, 1)).Status == SnapshotStatus.Completed ? 1 : 0;
        }

        Volatile.Write(ref stop, true);
        reaper.Join();
        Thread.Sleep(100); // a signal would be delivered by another thread
        Console.WriteLine($"completed {completed} of 60, stolen {stolen}, signals {Volatile.Read(ref signals)}");
        return 0;
    }

    [Actor("handler-replaced")]
    public static int HandlerReplaced(string[] arguments)
    {
        using SnapshotProbe probe = new();
        SnapshotResult first = SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing));
        KernelSignalAction ours, foreign;
        RawSyscall.Invoke(SyscallNumber.RtSigaction, ParkingSignal.RuntimeSignal, 0, (nint)(&ours), 8);
        foreign = ours;
        foreign.Handler = 1; // SIG_IGN
        RawSyscall.Invoke(SyscallNumber.RtSigaction, ParkingSignal.RuntimeSignal, (nint)(&foreign), 0, 8);
        SnapshotResult second = SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing));
        RawSyscall.Invoke(SyscallNumber.RtSigaction, ParkingSignal.RuntimeSignal, (nint)(&ours), 0, 8);
        SnapshotResult third = SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing));
        Console.WriteLine($"{first.Status} {second.Status} {third.Status}: {second.Detail}");
        return 0;
    }

    [Actor("handler-foreign")]
    public static int HandlerForeign(string[] arguments)
    {
        using SnapshotProbe probe = new();
        KernelSignalAction action;
        RawSyscall.Invoke(SyscallNumber.RtSigaction, ParkingSignal.RuntimeSignal, 0, (nint)(&action), 8);
        action.Handler = NativeLibrary.GetExport(NativeLibrary.Load("libc.so.6"), "abs");
        RawSyscall.Invoke(SyscallNumber.RtSigaction, ParkingSignal.RuntimeSignal, (nint)(&action), 0, 8);
        SnapshotResult result = SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing));
        Console.WriteLine($"{result.Status}: {result.Detail}");
        return 0;
    }

    private static int Figure(ActorEnding ending, string name) => int.Parse(
        ending.Output.Split([' ', '\n']).Single(word => word.StartsWith($"{name}=", StringComparison.Ordinal)).Split('=')[1]);
}
