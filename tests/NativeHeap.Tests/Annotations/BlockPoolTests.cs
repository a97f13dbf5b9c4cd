// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;
using NativeLeak.NativeHeap.Tests.Misuse;

namespace NativeLeak.NativeHeap.Tests.Annotations;

/// <summary>Pools over numbers that are nobody's addresses: a pool reads and writes no memory but its own tables.</summary>
[TestFixture]
internal sealed unsafe class BlockPoolTests
{
    private const nuint SuperByteCount = 4096;

    private static long s_next = 0x0000_2345_0000_0000;

    [OneTimeSetUp]
    public void StartRecording()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
    }

    [Test]
    public void ASuperblockIsNoBlockUntilItsPoolIsDestroyed()
    {
        nuint super = Superblock();
        ulong ordinal = Read(super).Ordinal;
        BlockPool pool = BlockPool.Create((void*)super, SuperByteCount);
        Assert.That(IsRecorded(super), Is.False);
        Assert.That(pool.Alloc((void*)super, 32) && pool.Alloc((void*)(super + 64), 32));
        Assert.That(Read(super).BlockByteCount, Is.EqualTo((nuint)32), "the first piece begins where the superblock does");
        Assert.That(pool.Free((void*)(super + 64)));
        Assert.That(pool.Free((void*)(super + 64)), Is.False, "twice");
        pool.Destroy();
        pool.Destroy();
        Assert.That((Read(super).Ordinal, Read(super).BlockByteCount), Is.EqualTo((ordinal, SuperByteCount)));
        Assert.That(pool.Alloc((void*)(super + 64), 32), Is.False, "destroyed");
        Frees.Take(super);
    }

    [Test]
    public void WhatIsNotThePoolsOrOverlapsIsRefused()
    {
        nuint super = Superblock();
        using BlockPool pool = BlockPool.Create((void*)super, SuperByteCount);
        long before = BlockHints.Overlaps;
        Assert.That(pool.Alloc((void*)(super - 16), 32), Is.False);
        Assert.That(pool.Alloc((void*)(super + SuperByteCount - 16), 32), Is.False);
        Assert.That(pool.Alloc(null, 32), Is.False);
        Assert.That(BlockHints.Overlaps, Is.EqualTo(before));
        Assert.That(pool.Alloc((void*)(super + 64), 64));
        Assert.That(pool.Alloc((void*)(super + 96), 64), Is.False);
        Assert.That(BlockHints.Overlaps, Is.EqualTo(before + 1));
        Assert.That(pool.Free((void*)(super + 96)), Is.False);
    }

    [Test]
    public void ASuperblockThatIsFreedTakesItsPiecesAlongAndIsNoUnknownFree([Values] bool hasPieceAtItsStart)
    {
        nuint super = Superblock();
        BlockPool pool = BlockPool.Create((void*)super, SuperByteCount);
        Assert.That(pool.Alloc((void*)(super + 64), 32) && pool.Alloc((void*)(super + 128), 32));
        Assert.That(!hasPieceAtItsStart || pool.Alloc((void*)super, 32));
        long unknown = RecordTable.Counters.UnknownFrees;
        Frees.Take(super);
        Assert.That(RecordTable.Counters.UnknownFrees, Is.EqualTo(unknown));
        Assert.That(IsRecorded(super) || IsRecorded(super + 64) || IsRecorded(super + 128), Is.False);
        Assert.That(pool.Alloc((void*)(super + 64), 32), Is.False, "the memory is gone");
        pool.Destroy();
        Assert.That(IsRecorded(super), Is.False, "and does not come back");
    }

    [Test]
    public void TrimKeepsWhatIsInsideAndCutsWhatReachesAcrossAnEdge()
    {
        nuint super = Superblock();
        BlockPool pool = BlockPool.Create((void*)super, SuperByteCount);
        for (nuint i = 0; i < 6; i++)
        {
            Assert.That(pool.Alloc((void*)(super + (i * 64)), 48));
        }

        Assert.That(pool.Trim((void*)(super + 64 + 16), (2 * 64) + 16));
        Assert.That(IsRecorded(super) || IsRecorded(super + 64) || IsRecorded(super + (4 * 64)) || IsRecorded(super + (5 * 64)), Is.False);
        Assert.That(Read(super + 64 + 16).BlockByteCount, Is.EqualTo((nuint)32), "cut at its start");
        Assert.That(Read(super + 128).BlockByteCount, Is.EqualTo((nuint)48));
        Assert.That(Read(super + 192).BlockByteCount, Is.EqualTo((nuint)32), "cut at its end");
        Assert.That(pool.Free((void*)(super + 192)) && pool.Trim(null, 0));
        Assert.That(IsRecorded(super + 128), Is.False);
        pool.Dispose();
        Frees.Take(super);
    }

    [TestCase(BlockPoolKinds.Meta)]
    [TestCase(BlockPoolKinds.Meta | BlockPoolKinds.AutoFree)]
    public void BlocksInAMetapoolsBlockGoWithItOnlyIfThatWasAsked(BlockPoolKinds kinds)
    {
        bool isAutomatic = (kinds & BlockPoolKinds.AutoFree) != 0;
        nuint super = Superblock();
        BlockPool pool = BlockPool.Create((void*)super, SuperByteCount, kinds);
        Assert.That(pool.Alloc((void*)(super + 1024), 1024));
        Assert.That(IsRecorded(super + 1024), Is.False, "a metapool's block is no block");
        Assert.That(pool.Alloc((void*)(super + 1536), 1024), Is.False, "overlaps the other");
        Assert.That(LeakHints.Adopt((void*)(super + 1024), 32, null) && LeakHints.Adopt((void*)(super + 1100), 32, null));
        using BlockPool second = BlockPool.Create((void*)(super + 1600), 256);
        Assert.That(second.Alloc((void*)(super + 1616), 16), "two levels");
        Assert.That(pool.Free((void*)(super + 1024)));
        Assert.That(pool.Free((void*)(super + 1024)), Is.False);
        Assert.That(IsRecorded(super + 1024), Is.EqualTo(!isAutomatic));
        Assert.That(IsRecorded(super + 1100), Is.EqualTo(!isAutomatic));
        Assert.That(IsRecorded(super + 1616), Is.EqualTo(!isAutomatic));
        pool.Destroy();
        Assert.That(IsRecorded(super), Is.EqualTo(isAutomatic), "it comes back where nothing lives on inside");
        long unknown = RecordTable.Counters.UnknownFrees;
        Frees.Take(super);
        Assert.That((IsRecorded(super + 1024), IsRecorded(super)), Is.EqualTo((false, false)));
        Assert.That(RecordTable.Counters.UnknownFrees, Is.EqualTo(unknown));
    }

    [Test]
    public void APoolGrowsAndManyPoolsDoNotMix()
    {
        const int Count = 100;
        BlockPool[] pools = new BlockPool[Count];
        nuint[] supers = new nuint[Count];
        for (int i = 0; i < Count; i++)
        {
            supers[i] = Superblock();
            pools[i] = BlockPool.Create(null, 0);
            Assert.That(pools[i].Extend((void*)supers[i], SuperByteCount));
            Assert.That(pools[i].Extend(null, 5) || pools[i].Extend((void*)supers[i], 0), Is.False);
            Assert.That(pools[i].Alloc((void*)(supers[i] + 16), 16));
        }

        Assert.That(pools[3].Alloc((void*)(supers[4] + 64), 16), Is.False);
        for (int i = 0; i < Count; i++)
        {
            pools[i].Destroy();
            Assert.That(IsRecorded(supers[i] + 16), Is.False);
            Assert.That(i + 1 == Count || IsRecorded(supers[i + 1] + 16));
            Frees.Take(supers[i]);
        }

        Assert.That(PoolRanges.IsAny, Is.False);
    }

    private static nuint Superblock()
    {
        nuint address = (nuint)Interlocked.Add(ref s_next, 0x10000);
        Assert.That(RecordTable.Insert(address, SuperByteCount, AllocationApi.NativeMemoryAlloc, BlockFlags.None, 0));
        return address;
    }

    private static bool IsRecorded(nuint address)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        bool isFound = RecordTable.TryFind(in guard, address, out RecordHandle found);
        found.Dispose();
        return isFound;
    }

    private static BlockRecord Read(nuint address)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        Assert.That(RecordTable.TryFind(in guard, address, out RecordHandle found));
        using RecordHandle handle = found;
        return handle.Record;
    }
}
