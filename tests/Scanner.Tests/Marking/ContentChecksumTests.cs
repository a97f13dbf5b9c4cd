// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>The checksum of a lost block changes with every byte of it, and with nothing else.</summary>
[TestFixture]
internal sealed unsafe class ContentChecksumTests
{
    // Around a word, around the buffer of 256 KiB it is read through.
    [TestCase(1)]
    [TestCase(7)]
    [TestCase(8)]
    [TestCase(13)]
    [TestCase((256 << 10) - 1)]
    [TestCase((256 << 10) + 9)]
    public void EveryByteCountsAndNothingElseDoes(int byteCount)
    {
        using MarkingWorld world = new(1, 1 << 20);
        world.Context.WantsChecksums = 1;
        nuint block = world.AddBlock(64, (nuint)byteCount);
        ulong before = Checksum(world, block);
        world.Heap[63]++;
        world.Heap[64 + byteCount]++;
        Assert.That(Checksum(world, block), Is.EqualTo(before), "neighbours");
        foreach (int at in new[] { 0, byteCount / 2, byteCount - 1 })
        {
            world.Heap[64 + at] ^= 1;
            Assert.That(Checksum(world, block), Is.Not.EqualTo(before), $"byte {at}");
            world.Heap[64 + at] ^= 1;
        }

        Assert.That(Checksum(world, block), Is.EqualTo(before), "changed and changed back");
    }

    [Test]
    public void WithoutBeingAskedThereIsNone()
    {
        using MarkingWorld world = new(1, 4096);
        Assert.That(Checksum(world, world.AddBlock(64, 100)), Is.Zero);
    }

    private static ulong Checksum(MarkingWorld world, nuint block)
    {
        world.Scan();
        return world.EntryOf(block).Checksum;
    }
}
