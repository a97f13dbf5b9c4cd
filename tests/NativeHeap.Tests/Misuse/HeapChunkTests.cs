// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;

namespace NativeLeak.NativeHeap.Tests.Misuse;

/// <summary>What the C heap's own notes say of blocks in every state.</summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class HeapChunkTests
{
    private const int Rounds = 10;

    [OneTimeSetUp]
    public void Start()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
        Assert.That(HeapChunk.IsUnderstood, "glibc's heap is understood here");
    }

    [TestCase(1)]
    [TestCase(24)]
    [TestCase(100)]
    [TestCase(1000)]
    [TestCase(5000)]
    [TestCase(100_000)]
    [TestCase(4 << 20)]
    public void ABlockInUseIsNeverCalledFree(int byteCount)
    {
        for (int i = 0; i < 200; i++)
        {
            nuint block = (nuint)CHeap.Malloc((nuint)byteCount);
            ChunkState untouched = HeapChunk.Look(block);
            new Span<byte>((void*)block, byteCount).Fill((byte)i);
            ChunkState filled = HeapChunk.Look(block);
            CHeap.Free((void*)block);
            Assert.That(untouched, Is.Not.EqualTo(ChunkState.Free).And.Not.EqualTo(ChunkState.NoChunk));
            Assert.That(filled, Is.EqualTo(ChunkState.InUse).Or.EqualTo(ChunkState.MayBeInFastList));
        }
    }

    // Behind the block lies one in use, and its size is none of the small ones that a thread's cache takes.
    [TestCase(20_000, ChunkState.Free)]
    [TestCase(64 << 20, ChunkState.NoChunk)] // above the limit up to which glibc learns to keep such blocks
    public void ABlockThatWasJustFreedIsCalledFree(int byteCount, ChunkState expected)
    {
        nuint block = (nuint)CHeap.Malloc((nuint)byteCount), wall = (nuint)CHeap.Malloc(20_000);
        CHeap.Free((void*)block);
        ChunkState seen = HeapChunk.Look(block);
        CHeap.Free((void*)wall);
        Assert.That(seen, Is.EqualTo(expected));
    }

    // The cache holds seven of a size: as many allocations and more empty it first, whatever was in it.
    [TestCase(100)]
    [TestCase(1000)]
    public void ABlockInAThreadsCacheIsFoundThereAndNoLongerOnceItIsGivenOut(int byteCount)
    {
        _ = RecentFrees.Current; // as every thread that frees through us
        nuint[] blocks = new nuint[30];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = (nuint)CHeap.Malloc((nuint)byteCount);
        }

        (ChunkState State, bool IsCached) used = (HeapChunk.Look(blocks[0]), ThreadCaches.Contain(blocks[0]));
        CHeap.Free((void*)blocks[0]);
        (ChunkState State, bool IsCached) freed = (HeapChunk.Look(blocks[0]), ThreadCaches.Contain(blocks[0]));
        nuint again = (nuint)CHeap.Malloc((nuint)byteCount);
        bool isCachedAgain = ThreadCaches.Contain(again);
        foreach (nuint block in blocks)
        {
            CHeap.Free((void*)block);
        }

        Assert.Multiple(() =>
        {
            Assert.That(ThreadCaches.IsUnderstood);
            Assert.That(used.IsCached, Is.False);
            Assert.That(freed, Is.EqualTo((ChunkState.MayBeInThreadCache, true)));
            Assert.That(again, Is.EqualTo(blocks[0]), "else the rest shows nothing");
            Assert.That(isCachedAgain, Is.False);
        });
    }

    // What a thread's cache leaves behind when the thread ends: the key in a block that its new owner has not written to.
    [Test]
    public void ABlockInUseThatCarriesTheKeyOfCachedOnesIsNotFoundInACache()
    {
        nuint freed = (nuint)CHeap.Malloc(1000);
        nuint block = (nuint)CHeap.Malloc(1000);
        _ = RecentFrees.Current;
        CHeap.Free((void*)freed);
        (nuint link, nuint key) = (*(nuint*)freed, *(nuint*)(freed + 8));
        *(nuint*)block = link ^ (freed >> 12) ^ (block >> 12);
        *(nuint*)(block + 8) = key;
        ChunkState state = HeapChunk.Look(block);
        bool isCached = ThreadCaches.Contain(block);
        FreeTicket ticket = default;
        AllocationCall call = StackWalker.Caller();
        FreeGate.Enter(block, FreeingApi.NativeMemoryFree, in call, ref ticket);
        FreeGate.Leave(in ticket);
        *(nuint*)(block + 8) = 0;
        CHeap.Free((void*)block);
        Assert.Multiple(() =>
        {
            Assert.That(state, Is.EqualTo(ChunkState.MayBeInThreadCache), "by its look it is one of them");
            Assert.That(isCached, Is.False);
            Assert.That(ticket.IsWithheld, Is.False);
        });
    }

    [Test]
    public void WhatIsNoBlockIsCalledSo()
    {
        long* local = stackalloc long[4];
        nuint page = 0;
        nuint block = (nuint)CHeap.Calloc(1, 200);
        ChunkState inside = HeapChunk.Look(block + 32), odd = HeapChunk.Look(block + 1);
        CHeap.Free((void*)block);
        Assert.Multiple(() =>
        {
            Assert.That(HeapWords.TryProbe(1 << 20, ref page, out _), Is.False);
            Assert.That(inside, Is.EqualTo(ChunkState.NoChunk));
            Assert.That(odd, Is.EqualTo(ChunkState.NoChunk));
            Assert.That(HeapChunk.Look(0), Is.EqualTo(ChunkState.NoChunk));
            Assert.That(HeapChunk.Look(0x5000), Is.EqualTo(ChunkState.NoChunk));
            Assert.That(HeapChunk.Look(nuint.MaxValue - 15), Is.EqualTo(ChunkState.NoChunk));
        });
        GC.KeepAlive(local[0]);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void ASmallBlockPastTheThreadsCacheIsFoundInTheFastLists(bool isOnOwnArena)
    {
        bool[] freed = new bool[40];
        bool[] used = new bool[40];
        nuint[] blocks = new nuint[40];
        void Probe()
        {
            _ = RecentFrees.Current;
            for (int i = 0; i < blocks.Length; i++)
            {
                blocks[i] = (nuint)CHeap.Malloc(72);
            }

            for (int i = 0; i < blocks.Length; i++)
            {
                used[i] = FastLists.Contain(blocks[i]);
            }

            foreach (nuint block in blocks)
            {
                CHeap.Free((void*)block, 72);
            }

            for (int i = 0; i < blocks.Length; i++)
            {
                freed[i] = FastLists.Contain(blocks[i]) || ThreadCaches.Contain(blocks[i]);
            }
        }

        // Between a free and the question the block may be somebody's again: the runtime may allocate on this very thread when a
        // method was called often, other threads share the arena, and a large block merges the lists. So once in some rounds
        // all must be found; that a block in use is in none holds in every one.
        for (int round = 0; round < Rounds && (round == 0 || Array.Exists(freed, static isFound => !isFound)); round++)
        {
            if (isOnOwnArena)
            {
                Thread thread = new(Probe);
                thread.Start();
                thread.Join();
            }
            else
            {
                Probe();
            }

            Assert.That(FastLists.IsUnderstood);
            Assert.That(used, Has.All.False);
        }

        Assert.That(freed, Has.All.True);
    }
}
