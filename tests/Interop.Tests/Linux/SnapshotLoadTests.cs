// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Snapshots of a process that does everything at once.</summary>
internal sealed unsafe class SnapshotLoadTests
{
    private const int Snapshots = 150;

    [Test]
    public void Under_full_load_no_snapshot_hangs_dies_or_sees_anything_move()
    {
        using SnapshotProbe probe = new();
        using ProcessLoad load = new();
        probe.Watch(load);
        List<SnapshotResult> results = [];
        for (int i = 0; i < Snapshots; i++)
        {
            results.Add(SnapshotProbe.Take(probe.Request(&ProbeChild.Check, maxAttempts: 1)));
        }

        TestContext.Out.WriteLine(probe.Summary(results));
        TestContext.Out.WriteLine(load.Summary());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(results.Where(result => result.Status != SnapshotStatus.Completed), Is.Empty);
            Assert.That(probe.Context->GroupsChecked, Is.EqualTo(Snapshots * ProcessLoad.Groups));
            Assert.That(probe.Context->GroupsTorn, Is.Zero, "counters caught in a state they never had");
            Assert.That(probe.Context->GroupsMoved, Is.Zero, "counters that moved in the copy");
            Assert.That(probe.Context->ThreadsWrong, Is.Zero);
            Assert.That(load.Failure, Is.Null);
            Assert.That(load.Collections, Is.Positive);
            Assert.That(load.Exceptions, Is.Positive);
            Assert.That(load.Processes, Is.Positive);
            Assert.That(load.ThreadsMade, Is.Positive);
        }
    }

    [Test]
    public void Control_the_same_look_at_the_living_counters_sees_them_move()
    {
        using SnapshotProbe probe = new();
        using ProcessLoad load = new(ProcessLoad.Kinds.Mutators);
        probe.Watch(load);
        bool seen = SpinWait.SpinUntil(
            () =>
            {
                ProbeChild.CheckLiving(probe.Context);
                return probe.Context->GroupsMoved > 0 && probe.Context->GroupsTorn > 0;
            },
            TimeSpan.FromSeconds(60));
        Assert.That(seen, Is.True, "a check that finds nothing here proves nothing in the snapshots");
    }
}
