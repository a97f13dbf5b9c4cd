// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;
using NativeLeak.NativeHeap.Tests.Misuse;

namespace NativeLeak.NativeHeap.Tests.Allocation;

/// <summary>
/// The recorder as a hook body calls it: from native code, on any thread, with little stack, beside the GC.
/// </summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class HookBodyTests
{
    [OneTimeSetUp]
    public void StartRecording()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
    }

    [TearDown]
    public void RemoveHook() => SiteDepot.TestHookCapture = null;

    [Test]
    public void AFirstSightInsideAnUnmanagedCallersOnlyMethodNamesItsManagedCallers()
    {
        nuint block = CallThroughNative();
        using (EpochGuard guard = RecordTable.EnterGuard())
        {
            Assert.That(RecordTable.TryFind(in guard, block, out RecordHandle found));
            using (found)
            {
                string[] names = [.. SiteDepot.GetStack(found.Record.Site)!.Frames.Take(2).Select(frame => frame.Method!.Name)];
                Assert.That(names, Is.EqualTo(new[]
                {
                    nameof(CallThroughNative),
                    nameof(AFirstSightInsideAnUnmanagedCallersOnlyMethodNamesItsManagedCallers),
                }));
            }
        }

        Frees.Take(block);
        CHeap.Free((void*)block);
    }

    [Test]
    public void WithTooLittleStackForATraceTheBlockIsRecordedAndTheSiteNamedLater()
    {
        const nuint Address = 0x7E57_0010;
        int naming = 0;
        SiteDepot.TestHookCapture = () =>
        {
            naming++;
            return null;
        };
        uint early = 0;
        Thread small = new(() => early = AtTheEndOfTheStack(), 256 * 1024);
        small.Start();
        small.Join();
        Assert.That(naming, Is.Zero);
        Assert.That(early, Is.GreaterThan(SiteDepot.OthersSite));
        Assert.That(SiteDepot.GetStack(early), Is.Null);
        uint late = SiteDepot.Intern(new AllocationCall(0, Address, 0), StackWalker.StackEnd, out _);
        Assert.That(late, Is.EqualTo(early));
        Assert.That(naming, Is.EqualTo(1));
        Assert.That(SiteDepot.GetStack(late), Is.Not.Null);

        static uint AtTheEndOfTheStack()
        {
            if (RuntimeHelpers.TryEnsureSufficientExecutionStack())
            {
                uint site = AtTheEndOfTheStack();
                GC.KeepAlive(site);
                return site;
            }

            return SiteDepot.Intern(new AllocationCall(0, Address, 0), StackWalker.StackEnd, out _);
        }
    }

    [Test]
    public void ABlockWhoseStackCannotBeTracedIsRecordedAllTheSame()
    {
        SiteDepot.TestHookCapture = static () => throw new InsufficientMemoryException("at the worst moment");
        Assert.That(SiteOfARecordedBlock(0x7E57_0020), Is.GreaterThan(SiteDepot.OthersSite));
    }

    [Test]
    public void AfterNamingHasStoppedBlocksAreRecordedWithTheirAddressesOnly()
    {
        SiteDepot.StopNaming();
        try
        {
            uint site = SiteOfARecordedBlock(0x7E57_0024);
            Assert.That(site, Is.GreaterThan(SiteDepot.OthersSite));
            Assert.That(SiteDepot.GetStack(site), Is.Null);
            nuint[] ips = new nuint[4];
            SiteDepot.GetFrames(site, ips, out int count);
            Assert.That((count, ips[0]), Is.EqualTo((1, (nuint)0x7E57_0024)));
        }
        finally
        {
            SiteDepot.TestHookResumeNaming();
        }
    }

    [Test]
    public void WhatTheDetectorAllocatesIsNotRecordedAndWhatItFreesIs()
    {
        nuint before = (nuint)CHeap.Malloc(8);
        AllocationRecorder.OnAllocated(before, 8, AllocationApi.Unknown, BlockFlags.None, 0, 0x7E57_0030);
        long unknown = RecordTable.Counters.UnknownFrees;
        using (DetectorThread.Enter())
        {
            nuint inside = (nuint)CHeap.Malloc(8);
            AllocationRecorder.OnAllocated(inside, 8, AllocationApi.Unknown, BlockFlags.None, 0, 0x7E57_0030);
            Assert.That(RecordTable.TryRemove(inside, out _), Is.False);
            Frees.Take(inside);
            Frees.Take(before);
            CHeap.Free((void*)inside);
        }

        Assert.That(RecordTable.TryRemove(before, out _), Is.False);
        Assert.That(RecordTable.Counters.UnknownFrees, Is.EqualTo(unknown), "the detector's own are not misuse");
        CHeap.Free((void*)before);
    }

    [Test]
    public void AFreeOfAnUnknownBlockIsCounted()
    {
        long unknown = RecordTable.Counters.UnknownFrees;
        Frees.Take(0x7E57_0040);
                Frees.End(Frees.Begin(0x7E57_0050), 0x7E57_0050, 0, 0);
        Assert.That(RecordTable.Counters.UnknownFrees, Is.EqualTo(unknown + 2));
    }

    [Test]
    public void AFailedReallocPutsTheOldRecordBackUnchanged()
    {
        const nuint Address = 0x7E57_0060;
        AllocationRecorder.OnAllocated(Address, 50, AllocationApi.NativeMemoryAlloc, BlockFlags.Aligned, 0, 0x7E57_0070);
        BlockRecord before = Peek(Address);
        HeldRealloc held = Frees.Begin(Address);
        using (EpochGuard guard = RecordTable.EnterGuard())
        {
            Assert.That(RecordTable.TryFind(in guard, Address, out _), Is.False, "no record while the heap decides");
        }

        Frees.End(in held, Address, 0, 5000);
        BlockRecord after = Peek(Address);
        Assert.That(after, Is.EqualTo(before));
        Frees.End(Frees.Begin(Address), Address, 0, 0);
        Assert.That(RecordTable.TryRemove(Address, out _), Is.False, "realloc to zero freed it");
    }

    [Test]
    public void ThreadsThatAllocateBesideGarbageCollectionsBalanceToTheBlock()
    {
        long live = RecordTable.Counters.LiveBlocks;
        long liveBytes = RecordTable.Counters.LiveBytes;
        bool stop = false;
        Thread collector = new(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
                Thread.Sleep(1);
            }
        });
        collector.Start();
        System.Collections.Concurrent.ConcurrentQueue<nint> handedOver = new();
        Thread[] threads = new Thread[4];
        for (int i = 0; i < threads.Length; i++)
        {
            uint random = (uint)i + 1;
            threads[i] = new Thread(() =>
            {
                for (int n = 0; n < 20_000; n++)
                {
                    random = (random * 1664525) + 1013904223;
                    nint block = (nint)RecordedMemory.Alloc(random >> 20, AllocationApi.NativeMemoryAlloc);
                    if ((random & 0x1000) != 0)
                    {
                        block = (nint)RecordedMemory.Realloc((void*)block, random >> 19, AllocationApi.NativeMemoryRealloc);
                    }

                    // Half of the blocks are freed by another thread.
                    handedOver.Enqueue(block);
                    if (handedOver.TryDequeue(out nint other))
                    {
                        RecordedMemory.Free((void*)other, FreeingApi.NativeMemoryFree);
                    }
                }
            });
            threads[i].Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        Volatile.Write(ref stop, true);
        collector.Join();
        while (handedOver.TryDequeue(out nint block))
        {
            RecordedMemory.Free((void*)block, FreeingApi.NativeMemoryFree);
        }

        Assert.That(RecordTable.Counters.LiveBlocks, Is.EqualTo(live));
        Assert.That(RecordTable.Counters.LiveBytes, Is.EqualTo(liveBytes));
    }

    private static uint SiteOfARecordedBlock(nuint returnAddress)
    {
        nuint block = (nuint)CHeap.Malloc(8);
        AllocationRecorder.OnAllocated(block, 8, AllocationApi.Unknown, BlockFlags.None, 0, returnAddress);
        Assert.That(RecordTable.TryRemove(block, out BlockRecord record));
        CHeap.Free((void*)block);
        return record.Site;
    }

    private static BlockRecord Peek(nuint address)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        Assert.That(RecordTable.TryFind(in guard, address, out RecordHandle found));
        using (found)
        {
            return found.Record;
        }
    }

    [UnmanagedCallersOnly]
    private static void* HookedMalloc(nuint byteCount)
    {
        void* block = CHeap.Malloc(byteCount);
        AllocationCall call = StackWalker.Caller();
        AllocationRecorder.OnAllocated((nuint)block, byteCount, AllocationApi.Unknown, BlockFlags.None, in call);
        return block;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nuint CallThroughNative()
    {
        delegate* unmanaged<nuint, void*> native = &HookedMalloc;
        nuint block = (nuint)native(64);
        GC.KeepAlive(block);
        return block;
    }
}
