// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>What one snapshot does, and what becomes of children that fail.</summary>
internal sealed unsafe class SnapshotEngineTests
{
    [Test]
    public void A_snapshot_runs_the_three_parts_once_each_and_in_order()
    {
        using SnapshotProbe probe = new();
        SnapshotResult result = SnapshotProbe.Take(probe.Request(&ProbeChild.Check));

        Assert.That(result.Status, Is.EqualTo(SnapshotStatus.Completed), result.ToString());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Attempts, Is.EqualTo(1));
            Assert.That(result.Stage, Is.EqualTo(4));
            Assert.That(probe.Context->BeforeCalls, Is.EqualTo(1));
            Assert.That(probe.Context->AfterCalls, Is.EqualTo(1));
            Assert.That(probe.Context->ChildCalls, Is.EqualTo(1));
            Assert.That(probe.Context->ChildSawAfterValue, Is.EqualTo(ProbeChild.AfterValue));
            Assert.That(probe.Context->ThreadsWrong, Is.Zero);
            Assert.That(probe.Context->ControllerStackPointers, Is.EqualTo(1), "the controller lists itself, once");
            Assert.That(result.ThreadsFound, Is.GreaterThan(1));
            Assert.That(result.PauseTime, Is.GreaterThanOrEqualTo(result.ParkTime + result.CloneTime));
        }
    }

    [Test]
    public void A_request_without_parts_for_the_parent_is_fine()
    {
        using SnapshotProbe probe = new();
        SnapshotRequest request = probe.Request(&ProbeChild.Nothing);
        request.BeforeClone = null;
        request.AfterClone = null;
        SnapshotResult result = SnapshotProbe.Take(request);

        Assert.That(result.Status, Is.EqualTo(SnapshotStatus.Completed), result.ToString());
        Assert.That(probe.Context->ChildCalls, Is.EqualTo(1));
    }

    [Test]
    public void A_child_that_crashes_is_tried_again_and_reported_dead()
    {
        using SnapshotProbe probe = new();
        SnapshotResult result = SnapshotProbe.Take(probe.Request(&ProbeChild.Crash));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Status, Is.EqualTo(SnapshotStatus.ChildDied), result.ToString());
            Assert.That(result.Attempts, Is.EqualTo(3));
            Assert.That(result.Stage, Is.EqualTo(42));
            Assert.That(result.Detail, Does.Contain("0xb"), "died of SIGSEGV, without a core file (0x80)");
            Assert.That(probe.Context->Attempts, Is.EqualTo(3));
            Assert.That(probe.Context->BeforeCalls, Is.EqualTo(3));
            Assert.That(probe.Context->FailedChildren, Is.EqualTo(2));
        }
    }

    [Test]
    public void A_child_that_crashes_twice_succeeds_the_third_time()
    {
        using SnapshotProbe probe = new();
        SnapshotResult result = SnapshotProbe.Take(probe.Request(&ProbeChild.CrashTwice));

        Assert.That(result.Status, Is.EqualTo(SnapshotStatus.Completed), result.ToString());
        Assert.That(result.Attempts, Is.EqualTo(3));
    }

    [Test]
    public void A_child_that_hangs_is_killed_and_reaped()
    {
        using SnapshotProbe probe = new();
        SnapshotRequest request = probe.Request(&ProbeChild.Hang, maxAttempts: 2);
        request.SilenceLimit = TimeSpan.FromMilliseconds(200);
        SnapshotResult result = SnapshotProbe.Take(request);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Status, Is.EqualTo(SnapshotStatus.ChildSilent), result.ToString());
            Assert.That(result.Attempts, Is.EqualTo(2));
            Assert.That(result.Stage, Is.EqualTo(43));
            Assert.That(probe.Context->ChildProcessId, Is.Positive);
            Assert.That(Directory.Exists($"/proc/{probe.Context->ChildProcessId}"), Is.False, "not even a zombie is left");
        }
    }

    [Test]
    public void A_slow_child_that_shows_progress_is_left_to_finish()
    {
        using SnapshotProbe probe = new();
        SnapshotRequest request = probe.Request(&ProbeChild.WorkSlowly, maxAttempts: 1);
        request.SilenceLimit = TimeSpan.FromMilliseconds(500); // the child takes twice that, in steps of 20 ms
        SnapshotResult result = SnapshotProbe.Take(request);

        Assert.That(result.Status, Is.EqualTo(SnapshotStatus.Completed), result.ToString());
        Assert.That(probe.Context->ChildCalls, Is.EqualTo(1));
    }

    [Test]
    public void A_descriptor_that_a_killed_child_held_is_not_left_in_the_parent()
    {
        string file = Path.GetTempFileName();
        try
        {
            using SnapshotProbe probe = new();
            probe.SetPath(file);
            SnapshotRequest request = probe.Request(&ProbeChild.Hang, maxAttempts: 1);
            request.SilenceLimit = TimeSpan.FromMilliseconds(200);
            SnapshotResult result = SnapshotProbe.Take(request);

            Assert.That(result.Status, Is.EqualTo(SnapshotStatus.ChildSilent), result.ToString());
            Assert.That(probe.Context->ChildDescriptor, Is.GreaterThanOrEqualTo(0), "the child had the file open");
            Assert.That(OpenFiles(), Does.Not.Contain(file));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public void The_child_keeps_no_descriptor_of_the_parent_open()
    {
        using System.IO.Pipes.AnonymousPipeServerStream reader = new(System.IO.Pipes.PipeDirection.In);
        using System.IO.Pipes.AnonymousPipeClientStream writer = new(
            System.IO.Pipes.PipeDirection.Out, reader.GetClientHandleAsString());
        reader.DisposeLocalCopyOfClientHandle();
        using SnapshotProbe probe = new();
        SnapshotRequest request = probe.Request(&ProbeChild.Hang, maxAttempts: 1);
        request.SilenceLimit = TimeSpan.FromSeconds(3);
        Task<SnapshotResult> snapshot = Task.Run(() => SnapshotProbe.Take(request));
        Assert.That(SpinWait.SpinUntil(() => probe.Context->ChildProcessId != 0, TimeSpan.FromSeconds(30)));

        // If the child held the writing end, this would wait for the child's death.
        writer.Dispose();
        Assert.That(reader.ReadByte(), Is.EqualTo(-1));
        Assert.That(snapshot.IsCompleted, Is.False, "the end came from the parent's close, while the child lived");
        Assert.That(snapshot.Result.Status, Is.EqualTo(SnapshotStatus.ChildSilent));
    }

    [Test]
    public void A_snapshot_during_which_threads_were_held_too_long_is_thrown_away_and_taken_again()
    {
        using SnapshotProbe probe = new();
        using ParkedThreadActor actor = ParkedThreadActor.Sleeping();
        SnapshotRequest request = probe.Request(&ProbeChild.Check);
        request.BeforeClone = &ProbeChild.BeforeSlowly;
        SnapshotResult result = SnapshotProbe.Take(request);

        Assert.That(result.Status, Is.EqualTo(SnapshotStatus.Completed), result.ToString());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Attempts, Is.EqualTo(2), "the first hold limit was too short, the second was not");
            Assert.That(probe.Context->BeforeCalls, Is.EqualTo(2));
            Assert.That(probe.Context->FailedChildren, Is.Zero, "the child has done nothing wrong, and need not be careful");
        }
    }

    [Test]
    public void Snapshots_leave_no_descriptor_behind()
    {
        using SnapshotProbe probe = new();
        SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing));
        int before = OpenFiles().Count;
        for (int i = 0; i < 20; i++)
        {
            SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing));
        }

        Assert.That(OpenFiles(), Has.Count.LessThan(before + 10));
    }

    [Test]
    public void Two_controllers_take_turns()
    {
        using SnapshotProbe probe = new();
        SnapshotRequest request = probe.Request(&ProbeChild.Nothing);
        SnapshotResult[] results = new SnapshotResult[8];
        Parallel.For(0, results.Length, i => results[i] = SnapshotProbe.Take(request));

        Assert.That(results.Select(result => result.Status), Is.All.EqualTo(SnapshotStatus.Completed));
        Assert.That(probe.Context->ChildCalls, Is.EqualTo(results.Length));
    }

    private static List<string> OpenFiles()
        => [.. Directory.GetFiles("/proc/self/fd").Select(link => File.ResolveLinkTarget(link, false)?.FullName ?? link)];
}
