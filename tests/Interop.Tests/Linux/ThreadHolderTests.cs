// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Threads held without a clone: a few at a time, or all.</summary>
internal sealed unsafe class ThreadHolderTests
{
    private const ulong VectorValue = 0x7A11_0000_BEEF_1001, GeneralValue = 0x7A11_0000_BEEF_1002;

    private HeldThreads* _held;

    [SetUp]
    public void Prepare()
    {
        ChildCode.PrepareAll(typeof(ThreadHolderTests).Assembly);
        _held = (HeldThreads*)NativeMemory.AllocZeroed((nuint)sizeof(HeldThreads));
    }

    [TearDown]
    public void Release() => NativeMemory.Free(_held);

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(8)]
    public void Every_thread_is_held_once_in_groups_of_the_size_asked_for(int groupSize)
    {
        ParkedThreadActor[] actors = [.. Enumerable.Range(0, 20).Select(static _ => ParkedThreadActor.Sleeping())];
        SnapshotResult result = Hold(groupSize);
        int[] ids = Ids();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Status, Is.EqualTo(SnapshotStatus.Completed), result.ToString());
            Assert.That(ids, Is.Unique);
            Assert.That(ids, Is.SupersetOf(actors.Select(static actor => actor.ThreadId)));
            Assert.That(_held->LargestGroup, Is.LessThanOrEqualTo(groupSize));
            Assert.That(_held->Groups, Is.GreaterThanOrEqualTo(20 / groupSize));
            Assert.That(result.ThreadsUncovered, Is.Zero, result.ToString());
            Assert.That(result.ThreadsParked, Is.GreaterThanOrEqualTo(20));
        }

        Array.ForEach(actors, static actor => actor.Dispose());
    }

    [Test]
    public void All_together_are_one_group()
    {
        ParkedThreadActor[] actors = [.. Enumerable.Range(0, 20).Select(static _ => ParkedThreadActor.Sleeping())];
        SnapshotResult result = Hold(groupSize: 0);
        Assert.That((result.Status, _held->Groups), Is.EqualTo((SnapshotStatus.Completed, 1)), result.ToString());
        Assert.That(Ids(), Is.SupersetOf(actors.Select(static actor => actor.ThreadId)));
        Array.ForEach(actors, static actor => actor.Dispose());
    }

    [Test]
    public void A_value_that_exists_only_in_a_register_is_in_those_of_its_thread()
    {
        using ParkedThreadActor actor = ParkedThreadActor.Spinning(VectorValue, GeneralValue);
        _held->SoughtInRegisters = GeneralValue;
        Hold(groupSize: 4);
        Assert.That(_held->RegistersWith, Is.EqualTo(1));
    }

    [Test]
    public void A_thread_that_blocks_the_signal_is_uncovered_and_the_others_are_held()
    {
        using ParkedThreadActor blocking = ParkedThreadActor.BlockingBusy(), sleeping = ParkedThreadActor.Sleeping();
        _held->Sought = blocking.ThreadId;
        SnapshotResult result = Hold(groupSize: 4);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(_held->Found.State, Is.EqualTo(ThreadParkState.Blocking));
            Assert.That(result.ThreadsUncovered, Is.EqualTo(1));
            Assert.That(Ids(), Does.Contain(sleeping.ThreadId));
        }
    }

    [Test]
    public void Asks_that_a_thread_never_takes_do_not_pile_up_over_groups()
    {
        ParkedThreadActor actor = ParkedThreadActor.BlockingBusy();
        using (actor)
        {
            for (int i = 0; i < 10; i++)
            {
                Hold(groupSize: 2);
            }
        }

        Assert.That(actor.SignalsQueued, Is.EqualTo(1));
    }

    [Test]
    public void Threads_that_start_and_end_meanwhile_neither_stop_it_nor_hide_others()
    {
        using CancellationTokenSource stop = new();
        using ParkedThreadActor actor = ParkedThreadActor.Sleeping();
        long born = 0;
        Thread churn = new(() =>
        {
            for (; !stop.IsCancellationRequested; born++)
            {
                Thread child = new(static () => Thread.SpinWait(1000));
                child.Start();
            }
        });
        churn.Start();
        try
        {
            for (int i = 0; i < 100; i++)
            {
                _held->Threads = 0;
                SnapshotResult result = Hold(groupSize: 4);
                Assert.That(result.Status, Is.EqualTo(SnapshotStatus.Completed).Or.EqualTo(SnapshotStatus.HoldExceeded), result.ToString());
                Assert.That(Ids(), Does.Contain(actor.ThreadId));
            }
        }
        finally
        {
            stop.Cancel();
            churn.Join();
        }

        Assert.That(born, Is.GreaterThan(100));
    }

    [Test]
    public void A_snapshot_after_groups_holds_everybody_again()
    {
        using ParkedThreadActor actor = ParkedThreadActor.Spinning(VectorValue, GeneralValue);
        Hold(groupSize: 1);
        using SnapshotProbe probe = new();
        probe.Context->Sought = GeneralValue;
        Assert.That(SnapshotProbe.Take(probe.Request(&ProbeChild.Check)).Status, Is.EqualTo(SnapshotStatus.Completed));
        Assert.That(probe.Context->FoundInRegisters, Is.EqualTo(1));
    }

    private int[] Ids() => new Span<int>(_held->Ids, _held->Threads).ToArray();

    private SnapshotResult Hold(int groupSize)
    {
        HoldRequest request = new() { Held = &HeldThreads.Note, Context = _held, GroupSize = groupSize };
        SnapshotResult result = default;
        Thread scanner = new(() => result = Platform.Threads.Hold(in request));
        scanner.Start();
        scanner.Join();
        return result;
    }
}
