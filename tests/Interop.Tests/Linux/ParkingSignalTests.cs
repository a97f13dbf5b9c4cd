// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>What the parking handler does with signals that are not, or no longer, meant for it.</summary>
internal sealed unsafe class ParkingSignalTests
{
    [OneTimeSetUp]
    public void Install()
    {
        using SnapshotProbe probe = new();
        Assert.That(SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing)).Status, Is.EqualTo(SnapshotStatus.Completed));
    }

    [Test]
    public void The_runtime_still_gets_its_own_signal_and_can_stop_a_loop_that_never_polls()
    {
        bool stop = false;
        long rounds = 0;
        Thread looper = new(() => Loop(ref stop, ref rounds)) { IsBackground = true };
        looper.Start();
        Assert.That(SpinWait.SpinUntil(() => Volatile.Read(ref rounds) > 0, TimeSpan.FromSeconds(30)));

        // A blocking collection must suspend the loop, which only the activation signal can do.
        Task collections = Task.Run(() =>
        {
            for (int i = 0; i < 20; i++)
            {
                GC.Collect();
            }
        });
        bool collected = collections.Wait(TimeSpan.FromSeconds(60));
        Volatile.Write(ref stop, true);
        looper.Join();
        Assert.That(collected, Is.True);
    }

    [TestCase(0, TestName = "A_queued_signal_with_no_value_goes_to_the_runtime_and_harms_nothing")]
    [TestCase(1, TestName = "A_queued_signal_that_points_below_the_slots_goes_to_the_runtime_and_harms_nothing")]
    [TestCase(2, TestName = "A_queued_signal_that_points_behind_the_slots_goes_to_the_runtime_and_harms_nothing")]
    [TestCase(3, TestName = "A_queued_signal_that_points_into_a_slot_goes_to_the_runtime_and_harms_nothing")]
    public void A_foreign_queued_signal_is_passed_on(int kind)
    {
        ParkingControl* control = SnapshotMachinery.TestHookZone->Control;
        nuint value = kind switch
        {
            0 => 0,
            1 => control->SlotTable - ParkingSlot.ByteCount,
            2 => control->SlotTable + control->SlotTableByteCount,
            _ => control->SlotTable + 8,
        };
        byte[] before = Slots();
        for (int i = 0; i < 100; i++)
        {
            Assert.That((int)Send((nint)value, generation: control->Release), Is.Zero);
        }

        Assert.That(Slots(), Is.EqualTo(before));
    }

    [Test]
    public void A_signal_for_a_slot_that_asks_nobody_returns_at_once_and_changes_nothing()
    {
        ParkingControl* control = SnapshotMachinery.TestHookZone->Control;
        byte[] before = Slots();
        int acknowledged = control->Acknowledged;
        foreach (uint generation in new[] { 0u, 1u, control->Release - 1, control->Release, control->Release + 1, uint.MaxValue })
        {
            Assert.That((int)Send((nint)control->SlotTable, generation), Is.Zero);
        }

        Assert.That(Slots(), Is.EqualTo(before));
        Assert.That(control->Acknowledged, Is.EqualTo(acknowledged));
    }

    [Test]
    public void A_thread_that_is_asked_and_not_held_any_more_leaves_at_once()
    {
        // As if the release came between the claim and the wait: the slot asks, but the release word is another.
        ZoneState* zone = SnapshotMachinery.TestHookZone;
        ParkingSlot* last = zone->Slots + zone->SlotCapacity - 1;
        uint generation = zone->Control->Release - 1;
        last->Word = (long)generation | ((long)ParkingState.Asked << 32);
        Assert.That((int)Send((nint)last, generation), Is.Zero);
        Assert.That(last->State, Is.EqualTo(ParkingState.Left));
        Assert.That((ulong)last->UserContext, Is.Not.Zero);
        Assert.That((ulong)last->ThreadControlBlock, Is.Not.Zero);
        last->Word = 0;
    }

    [Test]
    public void The_mask_of_a_thread_is_its_own_again_after_it_was_parked()
    {
        ulong before = Mask();
        ParkingControl* control = SnapshotMachinery.TestHookZone->Control;
        Send((nint)control->SlotTable, 0);
        Assert.That(Mask(), Is.EqualTo(before));
        using ParkedThreadActor actor = ParkedThreadActor.Sleeping();
        string mask = BlockedMask(actor.ThreadId);
        using SnapshotProbe probe = new();
        SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing));
        Assert.That(SpinWait.SpinUntil(() => BlockedMask(actor.ThreadId) == mask, TimeSpan.FromSeconds(30)));
    }

    // Fully interruptible code: no call, no allocation, nothing that polls.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Loop(ref bool stop, ref long rounds)
    {
        while (!Volatile.Read(ref stop))
        {
            rounds++;
        }
    }

    // To this thread, so that the signal has been handled when the call returns.
    private static nint Send(nint value, uint generation)
    {
        SignalInformation information = new()
        {
            Signal = ParkingSignal.RuntimeSignal,
            ErrorNumber = generation,
            Code = SignalInformation.SI_QUEUE,
            ProcessId = Environment.ProcessId,
            Value = value,
        };
        return RawSyscall.Invoke(SyscallNumber.RtTgsigqueueinfo, Environment.ProcessId,
            RawSyscall.Invoke(SyscallNumber.Gettid), ParkingSignal.RuntimeSignal, (nint)(&information));
    }

    // A thread that an earlier test released leaves its slot when the system lets it run: that change is not ours.
    private static byte[] Slots()
    {
        const int Count = 64;
        ParkingSlot* slots = SnapshotMachinery.TestHookZone->Slots;
        for (int i = 0; i < Count; i++)
        {
            SpinWait.SpinUntil(() => Volatile.Read(ref *(uint*)&slots[i].State)
                is not ((uint)ParkingState.Entered or (uint)ParkingState.Parked), TimeSpan.FromSeconds(10));
        }

        return new Span<byte>(slots, Count * ParkingSlot.ByteCount).ToArray();
    }

    private static ulong Mask()
    {
        ulong mask;
        RawSyscall.Invoke(SyscallNumber.RtSigprocmask, 0, 0, (nint)(&mask), 8);
        return mask;
    }

    private static string BlockedMask(int threadId) => File.ReadLines($"/proc/self/task/{threadId}/status")
        .Single(line => line.StartsWith("SigBlk:", StringComparison.Ordinal));
}
