// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Misuse;

/// <summary>
/// Two frees of one address, one of them held up by hand at each step on its way: exactly one may reach the C heap while the
/// block is the same, and none is withheld once it may be another.
/// </summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class FreeRaceTests
{
    private const nuint ByteCount = 1000;

    [OneTimeSetUp]
    public void Start()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
        Assert.That(AllocationRecorder.KnowsEveryBlock);
        Assert.That(ThreadCaches.IsUnderstood);
    }

    // The cause of false double frees: the first free had given the block to the C heap and was held up before it could say
    // so; native code was given the block and handed it over rightly. The free was withheld because another was under way.
    [Test]
    public void ABlockThatTheHeapGaveAwayBeforeTheFirstFreeReturnedIsFreed()
    {
        nuint block = Allocate();
        using HeldFree first = new(block, Step.InHeap);
        // Here the block is in use, as if native code had been given it.
        FreeTicket ticket = EnterWhile(block, first.GoOn);
        Assert.That(ticket.IsWithheld, Is.False);
        Finish(block, in ticket);
    }

    [Test]
    public void AFreeThatBeganBeforeTheHeapWasGivenTheBlockIsWithheldWhateverTheHeapSays()
    {
        nuint block = Allocate();
        using HeldFree first = new(block, Step.Taken);
        Assert.That(EnterWhile(block, first.Pass).IsWithheld);
        CHeap.Free((void*)block, ByteCount);
    }

    [Test]
    public void WhoIsHeldUpForGoodBeforeTheHeapKeepsTheBlock()
    {
        nuint block = Allocate();
        using HeldFree first = new(block, Step.Taken);
        Assert.That(Enter(block).IsWithheld, "the wait is bounded, and does not end in passing the free on");
        CHeap.Free((void*)block, ByteCount);
    }

    // No record, so nobody is the winner by it.
    [TestCase(2)]
    [TestCase(8)]
    public void OfManyFreesOfANativeBlockExactlyOneGoesOn(int threadCount)
    {
        for (int round = 0; round < 300; round++)
        {
            nuint block = (nuint)CHeap.Malloc(ByteCount);
            int passed = 0;
            using Barrier barrier = new(threadCount);
            Thread[] threads = new Thread[threadCount];
            for (int i = 0; i < threadCount; i++)
            {
                threads[i] = new Thread(() =>
                {
                    barrier.SignalAndWait();
                    FreeTicket ticket = Enter(block);
                    if (!ticket.IsWithheld)
                    {
                        Interlocked.Increment(ref passed);
                        Finish(block, in ticket);
                    }

                    barrier.SignalAndWait(); // the chunk stays in the winner's cache until all have asked
                });
                threads[i].Start();
            }

            Array.ForEach(threads, static thread => thread.Join());
            Assert.That(passed, Is.EqualTo(1), $"round {round}");
        }
    }

    [Test]
    public void ABlockThatGotARecordMeanwhileIsSomebodyElses()
    {
        nuint block = Allocate();
        using HeldFree first = new(block, Step.InHeap);
        FreeTicket ticket = EnterWhile(block, () =>
        {
            // As a reallocation in place, which puts a record back.
            RecordTable.Insert(block, ByteCount, AllocationApi.NativeMemoryRealloc, BlockFlags.None, 0);
            first.GoOn();
        });
        Assert.That(ticket.IsWithheld);
        FreeTicket third = Enter(block);
        Assert.That(third.HasRecord);
        Finish(block, in third);
    }

    [Test]
    public void ABlockOfNativeCodeIsPassedOn()
    {
        nuint block = (nuint)CHeap.Malloc(ByteCount);
        FreeTicket ticket = Enter(block);
        Assert.That(ticket.IsWithheld, Is.False);
        Assert.That(ticket.HasRecord, Is.False);
        Finish(block, in ticket);
        Assert.That(Enter(block).IsWithheld, "and its second free is not");
    }

    [Test]
    public void ThreadsThatEndedLeaveTheirRingsToOthers()
    {
        int before = RecentFrees.Count;
        for (int i = 0; i < 1500; i++)
        {
            bool isWithheld = true;
            Thread thread = new(() => isWithheld = Free(Allocate()));
            thread.Start();
            thread.Join();
            Assert.That(isWithheld, Is.False);
        }

        Assert.That(RecentFrees.Count, Is.LessThan(before + 300), "of 1,500 threads, one at a time");
    }

    private static bool Free(nuint block)
    {
        FreeTicket ticket = Enter(block);
        Finish(block, in ticket);
        return ticket.IsWithheld;
    }

    private static nuint Allocate() => (nuint)RecordedMemory.Alloc(ByteCount, AllocationApi.NativeMemoryAlloc);

    private static FreeTicket Enter(nuint block)
    {
        FreeTicket ticket = default;
        AllocationCall call = StackWalker.Caller();
        FreeGate.Enter(block, FreeingApi.NativeMemoryFree, in call, ref ticket);
        return ticket;
    }

    private static void Finish(nuint block, in FreeTicket ticket)
    {
        FreeGate.Pass(in ticket, block);
        CHeap.Free((void*)block, ByteCount);
        FreeGate.Leave(in ticket);
    }

    // Enters on a thread of its own, and does something as soon as that has seen the other free and waits for it.
    private static FreeTicket EnterWhile(nuint block, Action whileWaiting)
    {
        FreeTicket ticket = default;
        using ManualResetEventSlim isWaiting = new();
        RecentFrees.TestHookWaiting = isWaiting.Set;
        Thread thread = new(() => ticket = Enter(block));
        thread.Start();
        isWaiting.Wait();
        RecentFrees.TestHookWaiting = null;
        whileWaiting();
        thread.Join();
        return ticket;
    }

    private enum Step
    {
        Taken,
        InHeap,
    }

    // A free on a thread of its own that goes as far as a step and waits there. It never frees.
    private sealed class HeldFree : IDisposable
    {
        private readonly ManualResetEventSlim _isThere = new();
        private readonly ManualResetEventSlim _mayGoOn = new();
        private readonly Thread _thread;
        private readonly nuint _block;
        private FreeTicket _ticket;

        public HeldFree(nuint block, Step step)
        {
            _block = block;
            _thread = new Thread(() => Hold(step));
            _thread.Start();
            _isThere.Wait();
        }

        // From any thread: the owner waits.
        public void Pass() => FreeGate.Pass(in _ticket, _block);

        public void GoOn()
        {
            _mayGoOn.Set();
            _thread.Join();
        }

        public void Dispose()
        {
            GoOn();
            _isThere.Dispose();
            _mayGoOn.Dispose();
        }

        private void Hold(Step step)
        {
            _ticket = Enter(_block);
            if (step == Step.InHeap)
            {
                Pass();
            }

            _isThere.Set();
            _mayGoOn.Wait();
            FreeGate.Leave(in _ticket);
        }
    }
}
