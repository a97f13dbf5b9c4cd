// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Misuse;

/// <summary>The quarantine's bounds, its checks, and what happens when memory is refused.</summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class QuarantineTests
{
    private const int Limit = 64 * 1024;

    private bool _isHoldingWithoutMemory;
    private string? _limitation;
    private uint _heldWithoutMemory;
    private long _livedOnWithoutMemory;

    [OneTimeSetUp]
    public void Start()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);

        // Before any test: afterwards the table exists, and needs no memory.
        MisuseDetector.Configure(Limit, poison: false, keepFreeStacks: true, new RefusingPages());
        (_isHoldingWithoutMemory, _limitation) = (FreeGate.IsHolding, MisuseDetector.Limitation);
        long live = RecordTable.Counters.LiveBlocks;
        RecordedMemory.Free(RecordedMemory.Alloc(100, AllocationApi.NativeMemoryAlloc), FreeingApi.NativeMemoryFree);
        (_heldWithoutMemory, _livedOnWithoutMemory) = (Quarantine.BlockCount, RecordTable.Counters.LiveBlocks - live);
    }

    [TearDown]
    public void Empty()
    {
        Quarantine.Flush();
        MisuseDetector.Configure(0, poison: false, keepFreeStacks: false);
    }

    [Test]
    public void WithoutMemoryForItsTableThereIsNoQuarantineAndFreesGoOn()
    {
        Assert.That(_isHoldingWithoutMemory, Is.False);
        Assert.That(_limitation, Does.Contain("refused"));
        Assert.That(_heldWithoutMemory, Is.Zero);
        Assert.That(_livedOnWithoutMemory, Is.Zero);
    }

    [Test]
    public void NoMoreIsHeldThanTheLimitAllows()
    {
        MisuseDetector.Configure(Limit, poison: false, keepFreeStacks: false);
        for (int i = 0; i < 2000; i++)
        {
            RecordedMemory.Free(RecordedMemory.Alloc((nuint)(i % 3000), AllocationApi.NativeMemoryAlloc), FreeingApi.NativeMemoryFree);
            Assert.That(Quarantine.ByteCount, Is.LessThanOrEqualTo((nuint)Limit));
        }

        Assert.That(Quarantine.BlockCount, Is.Positive);
    }

    [Test]
    public void AManyTimesRepeatedFreeOfEmptyBlocksIsBoundedToo()
    {
        MisuseDetector.Configure(nuint.MaxValue / 2, poison: false, keepFreeStacks: false);
        for (int i = 0; i < Quarantine.Capacity + 1000; i++)
        {
            RecordedMemory.Free(RecordedMemory.Alloc(0, AllocationApi.NativeMemoryAlloc), FreeingApi.NativeMemoryFree);
        }

        Assert.That(Quarantine.BlockCount, Is.LessThanOrEqualTo((uint)Quarantine.Capacity));
        Assert.That(Quarantine.BlockCount, Is.GreaterThan((uint)Quarantine.Capacity / 2));
    }

    [Test]
    public void ABlockThatIsTooLargeForItIsFreedAtOnce()
    {
        MisuseDetector.Configure(Limit, poison: false, keepFreeStacks: false);
        void* block = RecordedMemory.Alloc((Limit / Quarantine.ShareOfOneBlock) + 1, AllocationApi.NativeMemoryAlloc);
        RecordedMemory.Free(block, FreeingApi.NativeMemoryFree);
        Assert.That(Quarantine.TryFind((nuint)block, out _), Is.False);
    }

    [Test]
    public void AHeldBlockIsFoundByItsStartAndNoLongerAfterAFlush()
    {
        MisuseDetector.Configure(Limit, poison: false, keepFreeStacks: false);
        byte* block = (byte*)RecordedMemory.Alloc(100, AllocationApi.NativeMemoryAlloc);
        RecordedMemory.Free(block, FreeingApi.NativeMemoryFree);
        Assert.That(Quarantine.TryFind((nuint)block, out FreedBlock found));
        Assert.That((found.ByteCount, found.Api), Is.EqualTo(((nuint)100, AllocationApi.NativeMemoryAlloc)));
        Assert.That(new ReadOnlySpan<byte>(block, 100).IndexOfAnyExcept(PoisonPattern.Freed), Is.Negative);
        Assert.That(Quarantine.Flush());
        Assert.That(Quarantine.TryFind((nuint)block, out _), Is.False);
        Assert.That((Quarantine.ByteCount, Quarantine.BlockCount), Is.EqualTo(((nuint)0, 0u)));
        Assert.That(Quarantine.Flush(), Is.False);
    }

    [Test]
    public void DamageIsReportedOnceAndNotAgainWhenTheBlockLeaves()
    {
        MisuseDetector.Configure(Limit, poison: false, keepFreeStacks: false);
        byte* block = (byte*)RecordedMemory.Alloc(100, AllocationApi.NativeMemoryAlloc);
        RecordedMemory.Free(block, FreeingApi.NativeMemoryFree);
        block[50] = 1;
        long before = Writes();
        Quarantine.Verify();
        Quarantine.Verify();
        Quarantine.Flush();
        Assert.That(Writes(), Is.EqualTo(before + 1));
    }

    [Test]
    public void VerifyingBesideThreadsThatFreeFindsNoDamageAndLosesNoBlock()
    {
        MisuseDetector.Configure(Limit, poison: true, keepFreeStacks: false);
        long writes = Writes();
        long live = RecordTable.Counters.LiveBlocks;
        int running = 4;
        Thread[] threads = new Thread[running];
        for (int t = 0; t < threads.Length; t++)
        {
            int seed = t;
            threads[t] = new Thread(() =>
            {
                Random random = new(seed);
                for (int i = 0; i < 30_000; i++)
                {
                    byte* block = (byte*)RecordedMemory.Alloc((nuint)random.Next(1, 2000), AllocationApi.NativeMemoryAlloc);
                    block[0] = 1;
                    RecordedMemory.Free(block, FreeingApi.NativeMemoryFree);
                }

                Interlocked.Decrement(ref running);
            });
            threads[t].Start();
        }

        int rounds = 0;
        while (Volatile.Read(ref running) > 0 || rounds < 200)
        {
            Quarantine.Verify();
            rounds++;
        }

        Array.ForEach(threads, static thread => thread.Join());
        Assert.That(Writes(), Is.EqualTo(writes));
        Assert.That(RecordTable.Counters.LiveBlocks, Is.EqualTo(live));
    }

    private static long Writes()
        => MisuseLog.Copy().Where(static entry => entry.Code == MisuseCode.WriteAfterFree).Sum(static entry => entry.Count);

    private sealed class RefusingPages : IPageSource
    {
        public nuint PageByteCount => 4096;

        public nuint Reserve(nuint byteCount) => 0;

        public bool Commit(nuint address, nuint byteCount) => false;

        public nuint AllocatePrivate(nuint byteCount) => 0;

        public nuint AllocateShared(nuint byteCount) => 0;

        public void Release(nuint address, nuint byteCount) => throw new InvalidOperationException("nothing was given");
    }
}
