// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;
using NativeLeak.Interop.Tests.Actors;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Children and threads to which something happens from outside while a snapshot is taken.</summary>
internal sealed unsafe class SnapshotFaultTests
{
    private const int SIGKILL = 9, SIGSTOP = 19;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Test]
    public void A_child_that_is_killed_from_outside_each_time_is_reported_dead_and_leaves_nothing()
    {
        using SnapshotProbe probe = new();
        SnapshotResult result = TakeWhileSignalling(probe, &ProbeChild.Hang, SIGKILL, times: 3);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Status, Is.EqualTo(SnapshotStatus.ChildDied), result.ToString());
            Assert.That(result.Attempts, Is.EqualTo(3));
            Assert.That(result.Stage, Is.EqualTo(43), "it was killed in the middle of its work");
            Assert.That(result.Detail, Does.Contain("0x9"));
            Assert.That(Directory.Exists($"/proc/{probe.Context->ChildProcessId}"), Is.False, "not even a zombie is left");
        }
    }

    [Test]
    public void A_child_that_is_killed_from_outside_once_is_replaced()
    {
        using SnapshotProbe probe = new();
        SnapshotResult result = TakeWhileSignalling(probe, &ProbeChild.HangOnce, SIGKILL, times: 1);

        Assert.That(result.Status, Is.EqualTo(SnapshotStatus.Completed), result.ToString());
        Assert.That(result.Attempts, Is.EqualTo(2));
        Assert.That(probe.Context->ChildCalls, Is.EqualTo(1), "the second one came to its end");
    }

    [Test]
    public void A_child_that_is_stopped_from_outside_is_silent_and_killed()
    {
        using SnapshotProbe probe = new();
        SnapshotResult result = TakeWhileSignalling(probe, &ProbeChild.WorkWithoutEnd, SIGSTOP, times: 1, attempts: 1);

        Assert.That(result.Status, Is.EqualTo(SnapshotStatus.ChildSilent), result.ToString());
        Assert.That(Directory.Exists($"/proc/{probe.Context->ChildProcessId}"), Is.False, "a stopped child can be killed");
    }

    [Test]
    public void A_thread_that_ends_while_the_world_is_still_held_spoils_that_copy_and_not_the_next()
    {
        // In a process of its own: the limit grows with each copy that is thrown away.
        ActorEnding ending = ActorProcess.Run("ends-while-held");
        Assert.That(ending.ExitCode, Is.Zero, ending.ToString());
        // The next copy does not list the thread any more, finds it ended, or holds it once more before it can end.
        string[] states = ["0", $"{(int)ThreadParkState.Parked + 1}", $"{(int)ThreadParkState.Gone + 1}"];
        Assert.That(states.Select(static state => $"Completed attempts 2 before 2 state {state} exists False\n"), Does.Contain(ending.Output));
    }

    [Test]
    public void A_child_dies_with_its_parent()
    {
        ActorEnding ending = ActorProcess.Run("killed-during-snapshot");
        int child = int.Parse(ending.Output);
        Assert.That(ending.ExitCode, Is.EqualTo(128 + SIGKILL), ending.ToString());
        Assert.That(SpinWait.SpinUntil(() => !IsRunning(child), s_patience), "the orphan goes on");
    }

    /// <summary>Holds the world longer than threads wait; one of them ends as soon as it has left.</summary>
    [Actor("ends-while-held")]
    public static int EndsWhileHeld(string[] arguments)
    {
        using SnapshotProbe probe = new();
        using ParkedThreadActor actor = ParkedThreadActor.EndingWhenLeft();
        probe.Context->ThreadId = actor.ThreadId;
        SnapshotRequest request = probe.Request(&ProbeChild.Check);
        request.BeforeClone = &ProbeChild.BeforeSlowly;
        SnapshotResult result = SnapshotProbe.Take(request);
        Console.WriteLine($"{result.Status} attempts {result.Attempts} before {probe.Context->BeforeCalls} "
            + $"state {probe.Context->FoundState} exists {Directory.Exists($"/proc/self/task/{actor.ThreadId}")}");
        return 0;
    }

    /// <summary>Prints the number of a child that hangs, and is killed.</summary>
    [Actor("killed-during-snapshot")]
    public static int KilledDuringSnapshot(string[] arguments)
    {
        using SnapshotProbe probe = new();
        SnapshotRequest request = probe.Request(&ProbeChild.Hang);
        Thread scanner = new(() => SnapshotProbe.Take(request));
        scanner.Start();
        SpinWait.SpinUntil(() => Volatile.Read(ref probe.Context->ChildProcessId) != 0);
        Console.WriteLine(probe.Context->ChildProcessId);
        Console.Out.Flush();
        RawSyscall.Invoke(SyscallNumber.Kill, Environment.ProcessId, SIGKILL);
        return 1;
    }

    // Sends a signal to each of the first children as soon as it has said that it is at work.
    private static SnapshotResult TakeWhileSignalling(
        SnapshotProbe probe, delegate*<SnapshotView*, void*, void> child, int signal, int times, int attempts = 3)
    {
        SnapshotRequest request = probe.Request(child, attempts);
        request.SilenceLimit = TimeSpan.FromSeconds(signal == SIGKILL ? 30 : 1);
        Task<SnapshotResult> snapshot = Task.Run(() => SnapshotProbe.Take(request));
        int last = 0;
        for (int i = 0; i < times; i++)
        {
            int current = 0;
            Assert.That(SpinWait.SpinUntil(() => (current = Volatile.Read(ref probe.Context->ChildProcessId)) != last
                && Volatile.Read(ref probe.Context->Attempts) == i + 1, s_patience));
            RawSyscall.Invoke(SyscallNumber.Kill, current, signal);
            last = current;
        }

        return snapshot.Result;
    }

    private static bool IsRunning(int process)
    {
        try
        {
            string status = File.ReadAllText($"/proc/{process}/stat");
            return status[status.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }
}
