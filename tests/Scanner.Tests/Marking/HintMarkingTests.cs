// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>What hints do to the verdicts of a small world.</summary>
[TestFixture]
internal sealed unsafe class HintMarkingTests
{
    [Test]
    public void AnIgnoredBlockHidesWhatOnlyItLeadsToAndNothingElse()
    {
        using MarkingWorld world = new(6, 4096);
        nuint ignored = world.AddBlock(0, 32, BlockFlags.Ignored);
        nuint child = world.AddBlock(64, 32);
        nuint grandchild = world.AddBlock(128, 32);
        nuint lost = world.AddBlock(192, 32);
        nuint both = world.AddBlock(256, 32);
        *(nuint*)ignored = child;
        *(nuint*)(child + 8) = grandchild + 4;
        *(nuint*)(ignored + 8) = both;
        *(nuint*)lost = both;
        *(nuint*)world.Root = both + 8;
        world.Scan();
        Assert.That(world.Lost.ToArray().Select(static entry => entry.Verdict), Is.EqualTo(new[] { Verdict.Definite }));
        Assert.That(world.VerdictOf(lost), Is.EqualTo(Verdict.Definite));
        Assert.That((world.Counters.Ignored.Blocks, world.Counters.Ignored.Bytes), Is.EqualTo((4L, 4L * 32)), "interior pointers hide too");
        Assert.That(world.Counters.Possible.Blocks, Is.Zero, "a hint comes before an interior pointer");
        Assert.That(world.Counters.Live.Blocks, Is.EqualTo(5));
    }

    [Test]
    public void ABlockThatIsNoLeakMakesWhatItPointsToReachable()
    {
        using MarkingWorld world = new(3, 4096);
        nuint first = world.AddBlock(0, 32, BlockFlags.NotLeak);
        nuint second = world.AddBlock(64, 32, BlockFlags.NotLeak);
        nuint child = world.AddBlock(128, 32);
        *(nuint*)first = second;
        *(nuint*)second = child;
        world.Scan();
        Assert.That(world.Lost.Length, Is.Zero);
        Assert.That((world.Counters.Ignored.Blocks, world.Counters.Reachable.Blocks), Is.EqualTo((2L, 1L)));
    }

    [Test]
    public void AReachableBlockCountsAsReachableWhateverHintsSay([Values(BlockFlags.Ignored, BlockFlags.NotLeak)] BlockFlags hint)
    {
        using MarkingWorld world = new(2, 4096);
        nuint block = world.AddBlock(0, 32, hint);
        *(nuint*)block = world.AddBlock(64, 32);
        *(nuint*)world.Root = block;
        world.Scan();
        Assert.That((world.Counters.Ignored.Blocks, world.Counters.Reachable.Blocks), Is.EqualTo((0L, 2L)));
    }

    [Test]
    public void ContentsThatAreNotScannedLeadNowhereInAReachableAndInALostBlock([Values] bool isHeld, [Values] bool isHinted)
    {
        using MarkingWorld world = new(2, 4096);
        nuint child = world.AddBlock(64, 32);
        nuint block = world.AddBlock(0, 32, BlockFlags.Annotated);
        if (isHinted)
        {
            world.Annotate(block, AnnotationKind.NoScan);
        }

        *(nuint*)block = child;
        *(nuint*)world.Root = isHeld ? block : 0;
        world.Scan();
        Assert.That(world.VerdictOf(child), Is.EqualTo(
            isHinted ? Verdict.Definite : isHeld ? Verdict.Reachable : Verdict.Indirect));
    }

    [Test]
    public void OnlyScanAreasAreReadAndAnEmptyOneIsEnoughToReadNothing([Values(0, 1, 2)] int areas)
    {
        using MarkingWorld world = new(3, 4096);
        nuint first = world.AddBlock(128, 32);
        nuint second = world.AddBlock(192, 32);
        nuint block = world.AddBlock(0, 64, BlockFlags.Annotated);
        world.Annotate(block, AnnotationKind.ScanArea, 0, 0);
        if (areas > 0)
        {
            world.Annotate(block, AnnotationKind.ScanArea, 8, 8);
        }

        if (areas > 1)
        {
            world.Annotate(block, AnnotationKind.ScanArea, 40, 24);
        }

        *(nuint*)(block + 8) = first;
        *(nuint*)(block + 56) = second;
        *(nuint*)world.Root = block;
        world.Scan();
        Assert.That(world.VerdictOf(first), Is.EqualTo(areas > 0 ? Verdict.Reachable : Verdict.Definite));
        Assert.That(world.VerdictOf(second), Is.EqualTo(areas > 1 ? Verdict.Reachable : Verdict.Definite));
    }

    [TestCase(0, Verdict.Definite, Verdict.Definite)]
    [TestCase(2, Verdict.Definite, Verdict.Definite)]
    [TestCase(3, Verdict.Reachable, Verdict.Definite)]
    [TestCase(4, Verdict.Reachable, Verdict.Reachable)]
    [TestCase(40, Verdict.Reachable, Verdict.Reachable)]
    public void ABlockThatNeedsThreeReferencesPassesOnWhatIsBeyond(int pointers, Verdict expected, Verdict heir)
    {
        using MarkingWorld world = new(2, 4096);
        nuint other = world.AddBlock(64, 32);
        nuint block = world.AddBlock(0, 32, BlockFlags.Annotated);
        world.Annotate(block, AnnotationKind.MinimumReferences, 3, other);
        for (int i = 0; i < pointers; i++)
        {
            ((nuint*)world.Root)[i] = block;
        }

        world.Scan();
        Assert.That((world.VerdictOf(block), world.VerdictOf(other)), Is.EqualTo((expected, heir)));
    }

    [Test]
    public void InteriorPointersAreNoReferencesButMakePossibleAsEver()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(0, 32, BlockFlags.Annotated);
        world.Annotate(block, AnnotationKind.MinimumReferences, 2);
        ((nuint*)world.Root)[0] = block;
        ((nuint*)world.Root)[1] = block + 8;
        ((nuint*)world.Root)[2] = block + 16;
        world.Scan();
        Assert.That(world.VerdictOf(block), Is.EqualTo(Verdict.Possible));
    }

    [Test]
    public void TwoBlocksThatPassSurplusToEachOtherAreCountedOnceEach()
    {
        using MarkingWorld world = new(2, 4096);
        nuint first = (nuint)world.Heap, second = (nuint)world.Heap + 64;
        world.AddBlock(0, 32, BlockFlags.Annotated);
        world.Annotate(first, AnnotationKind.MinimumReferences, 1, second);
        world.AddBlock(64, 32, BlockFlags.Annotated);
        world.Annotate(second, AnnotationKind.MinimumReferences, 3, first);
        for (int i = 0; i < 3; i++)
        {
            ((nuint*)world.Root)[i] = first;
        }

        world.Scan();
        Assert.That((world.VerdictOf(first), world.VerdictOf(second)), Is.EqualTo((Verdict.Reachable, Verdict.Definite)), "two of three");
        ((nuint*)world.Root)[3] = second;
        world.Scan();
        Assert.That(world.VerdictOf(second), Is.EqualTo(Verdict.Reachable));
    }

    [TestCase(7ul, 0, Verdict.Young)]
    [TestCase(6ul, 0, Verdict.Definite)]
    [TestCase(7ul, 1, Verdict.Definite)]
    public void ABlockOnItsWayIsYoungInTheScanItWasSaidFor(ulong until, int isLast, Verdict expected)
    {
        using MarkingWorld world = new(2, 4096);
        nuint child = world.AddBlock(64, 32);
        nuint block = world.AddBlock(0, 32, BlockFlags.Annotated);
        world.Annotate(block, AnnotationKind.Transient, until);
        *(nuint*)block = child;
        world.Context.ScanNumber = 7;
        world.Context.IsLast = isLast;
        world.Scan();
        Assert.That(world.VerdictOf(block), Is.EqualTo(expected));
        Assert.That(world.VerdictOf(child), Is.EqualTo(expected == Verdict.Young ? Verdict.Young : Verdict.Indirect));
    }

    [Test]
    public void DecodersFindPointersInEachForm([Values(0, 1, 2, 3, 4)] int form, [Values(0, 4, 16)] int offset)
    {
        using MarkingWorld world = new(2, 4096);
        nuint target = world.AddBlock(1024, 32);
        nuint block = world.AddBlock(0, 64, BlockFlags.Annotated);
        nuint origin = target - 0x40;
        (PointerDecoder decoder, nuint word) = form switch
        {
            0 => (default, target ^ nuint.MaxValue),
            1 => (PointerDecoder.TagBits(unchecked((nuint)0xFF00_0000_0000_0007)), target | unchecked((nuint)0xAB00_0000_0000_0005)),
            2 => (PointerDecoder.Xor(nuint.MaxValue), ~target),
            3 => (PointerDecoder.BasePlusOffset(origin, shift: 3), (nuint)0x08),
            _ => (PointerDecoder.BasePlusOffset(origin, is64Bit: true), (nuint)0x40),
        };
        world.Annotate(block, AnnotationKind.Decoder, decoder.Form, decoder.Value);
        *(nuint*)(block + (nuint)offset) = word;
        *(nuint*)world.Root = block;
        world.Scan();
        Assert.That(world.VerdictOf(target), Is.EqualTo(form == 0 ? Verdict.Definite : Verdict.Reachable));
    }

    [Test]
    public void APointerAtTheEndOfADecodedBlockIsFoundAcrossTheBufferOfTheChild([Values(0, 4, 8)] int before)
    {
        const int BufferByteCount = 256 << 10;
        using MarkingWorld world = new(2, 1 << 20);
        nuint target = world.AddBlock((1 << 20) - 64, 32);
        nuint block = world.AddBlock(0, BufferByteCount + 64, BlockFlags.Annotated);
        world.Annotate(block, AnnotationKind.Decoder, PointerDecoder.Xor(nuint.MaxValue).Form, ulong.MaxValue);
        *(nuint*)(block + BufferByteCount - (nuint)before) = ~target;
        *(nuint*)world.Root = block;
        world.Scan();
        Assert.That(world.VerdictOf(target), Is.EqualTo(Verdict.Reachable));
    }

    [Test]
    public void WhatAPoolHasIsNoRootButForItsLiveBlocks([Values] bool hasPool)
    {
        using MarkingWorld world = new(4, 8192);
        nuint held = world.AddBlock(1024, 32);
        nuint cell = world.AddBlock(2048, 32);
        nuint leaf = world.AddBlock(5000, 32);
        *(nuint*)(world.Heap + 512) = held;
        *(nuint*)(world.Heap + 6000) = cell;
        *(nuint*)cell = leaf;
        using WorldPages pages = new();
        PoolHeader* table = (PoolHeader*)pages.AllocatePrivate(4096);
        PoolHeader** cellOfTable = (PoolHeader**)pages.AllocatePrivate(4096);
        *cellOfTable = table;
        table->Count = 4;
        // Unsorted, overlapping, adjacent, and one that is just being written.
        (nuint Start, nuint End)[] ranges = [(3000, 4096), (512, 1600), (1024, 3000), (4000, 0)];
        for (int i = 0; i < ranges.Length; i++)
        {
            ((PoolRange*)table)[i + 1].Start = (nuint)world.Heap + ranges[i].Start;
            ((PoolRange*)table)[i + 1].End = ranges[i].End == 0 ? 0 : (nuint)world.Heap + ranges[i].End;
        }

        world.Context.Pools.Cell = hasPool ? cellOfTable : null;
        world.Scan();
        Assert.That(world.VerdictOf(held), Is.EqualTo(hasPool ? Verdict.Definite : Verdict.Reachable), "held from a gap of the pool");
        Assert.That(world.VerdictOf(cell), Is.EqualTo(Verdict.Reachable), "held from behind the pool");
        Assert.That(world.VerdictOf(leaf), Is.EqualTo(Verdict.Reachable), "held by a live block of the pool");
        Assert.That(world.Counters.RootBytes, Is.EqualTo(4096 + 8192 - (3 * 32) - (hasPool ? 4096 - 512 - 64 : 0)));
    }

    [Test]
    public void ADecodedRootFindsWhatAPlainOneDoesNot([Values] bool isDecoded)
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(0, 32);
        *(nuint*)(world.Root + 128) = ~block;
        using WorldPages pages = new();
        RootEntry* table = (RootEntry*)pages.AllocatePrivate(4096);
        PointerDecoder decoder = isDecoded ? PointerDecoder.Xor(nuint.MaxValue) : default;
        *table = new RootEntry
        {
            Start = (nuint)world.Root, End = (nuint)world.Root + 256, Registrations = 1,
            DecoderForm = decoder.Form, DecoderValue = decoder.Value,
        };
        world.Context.RegisteredRoots = table;
        world.Context.RegisteredRootCount = 1;
        world.Scan();
        Assert.That(world.VerdictOf(block), Is.EqualTo(isDecoded ? Verdict.Reachable : Verdict.Definite));
    }
}
