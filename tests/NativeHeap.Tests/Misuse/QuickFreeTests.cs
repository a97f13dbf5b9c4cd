// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Misuse;

/// <summary>The short way of a free: when it is taken, and that it forgets nothing that the general one remembers.</summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class QuickFreeTests
{
    [OneTimeSetUp]
    public void Start()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
    }

    [TearDown]
    public void Reset() => MisuseDetector.Configure(0, poison: false, keepFreeStacks: false);

    [Test]
    public void APlainBlockTakesItAndIsRememberedAsByTheGeneralWay()
    {
        (bool IsFreed, nuint Address)[] frees = [.. Enumerable.Range(0, 8).Select(i => Free(out nuint _))];
        Assert.That(frees.Skip(4).Select(free => free.IsFreed), Is.All.True, "known from here on");
        nuint last = frees[^1].Address;
        Assert.That(RecentFrees.TryFind(last, out FreedBlock freed));
        Assert.That((freed.ByteCount, freed.Api), Is.EqualTo(((nuint)64, AllocationApi.NativeMemoryAlloc)));
        Assert.That(freed.Site, Is.GreaterThan(SiteDepot.OthersSite));
        Assert.That(freed.FreeSite, Is.GreaterThan(SiteDepot.OthersSite));
        Assert.That(freed.Birth, Is.EqualTo((ushort)CoarseClock.NowTicks).Within(200));
        Assert.That(RecentFrees.Current->InFlight, Is.EqualTo((nuint)0));
    }

    [Test]
    public void AnAddressWithoutARecordIsLeftAloneAndNotAnnounced()
    {
        Learn();
        nuint block = (nuint)CHeap.Malloc(64);
        Assert.That(FreeOf(block), Is.False);
        Assert.That(RecentFrees.Current->InFlight, Is.EqualTo((nuint)0));
        Assert.That(FreeOf(0x7E57_1238), Is.False, "not aligned");
        Assert.That(FreeOf((nuint)1 << 50), Is.False, "no address of user space");
        CHeap.Free((void*)block);
    }

    [Test]
    public void ASecondFreeNeverTakesIt()
    {
        Learn();
        Assert.That(Free(out nuint address).IsFreed);
        Assert.That(FreeOf(address), Is.False);
    }

    [Test]
    public void SwitchesCloseIt()
    {
        Learn();
        MisuseDetector.Configure(1 << 20, poison: false, keepFreeStacks: false);
        Assert.That(IsTaken(), Is.False, "blocks are held");
        MisuseDetector.Configure(0, poison: true, keepFreeStacks: false);
        Assert.That(IsTaken(), Is.False, "blocks are filled");
        MisuseDetector.Configure(0, poison: false, keepFreeStacks: true);
        Assert.That(IsTaken(), Is.False, "stacks are kept");
        MisuseDetector.Configure(0, poison: false, keepFreeStacks: false);
        Assert.That(IsTaken());
    }

    // The record may not be used again while a reader is announced: the free ends in the general way, and counts.
    [Test]
    public void WithAReaderInsideTheRecordIsRetiredAndNotUsedAgain()
    {
        Learn();
        using (EpochGuard guard = RecordTable.EnterGuard())
        {
            void* block = RecordedMemory.Alloc(64, AllocationApi.NativeMemoryAlloc);
            Assert.That(RecordTable.TryFind(in guard, (nuint)block, out RecordHandle found));
            long freed = RecordTable.Counters.Freed;
            Assert.That(FreeOf((nuint)block));
            Assert.That(RecordTable.Counters.Freed, Is.GreaterThan(freed));
            Assert.That(found.Record.BlockByteCount, Is.EqualTo((nuint)64), "still what the reader found");
            Assert.That(found.IsLive, Is.False);
            Assert.That(RecordTable.TryFind(in guard, (nuint)block, out _), Is.False);
            found.Dispose();
        }
    }

    [Test]
    public void LargeBlocksAreFreedToo()
    {
        Learn();
        foreach (nuint byteCount in new nuint[] { CHeap.QuickByteCount, CHeap.QuickByteCount + 1, 1 << 20 })
        {
            void* block = RecordedMemory.Alloc(byteCount, AllocationApi.NativeMemoryAlloc);
            Assert.That(FreeOf((nuint)block), $"{byteCount} bytes");
            using EpochGuard guard = RecordTable.EnterGuard();
            Assert.That(RecordTable.TryFind(in guard, (nuint)block, out _), Is.False);
        }
    }

    private static void Learn()
    {
        for (int i = 0; i < FreePairs.CountedSightings + 4; i++)
        {
            Free(out _);
        }
    }

    private static bool IsTaken()
    {
        (bool isFreed, nuint address) = Free(out _);
        return isFreed && address != 0;
    }

    // As RecordedMemory.Free does; the general way when the short one is closed.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (bool IsFreed, nuint Address) Free(out nuint address)
    {
        address = (nuint)RecordedMemory.Alloc(64, AllocationApi.NativeMemoryAlloc);
        bool isFreed = FreeOf(address);
        if (!isFreed)
        {
            RecordedMemory.Free((void*)address, FreeingApi.NativeMemoryFree);
        }

        return (isFreed, address);
    }

    // Every call frees from the same place, whose stack above it differs from test to test.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool FreeOf(nuint address)
    {
        AllocationCall call = StackWalker.Caller();
        ThreadBlock* thread = (ThreadBlock*)MachineCode.FrameAndSlot().Slot;
        if (thread == null)
        {
            return false;
        }

        FreePlace* place = ThreadBlock.PlaceOf(thread, call.ReturnAddress);
        if (place->ReturnAddress != call.ReturnAddress || place->FramePointer != call.FramePointer)
        {
            FreePlaces.Learn(in call, isWhole: false);
            FreeGate.Prepare(thread, in call);
        }

        return FreeGate.TryFree(
            thread, FreeGate.Approach(address), address, FreeingApi.NativeMemoryFree, call.FramePointer, call.ReturnAddress);
    }
}
