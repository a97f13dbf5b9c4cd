// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

[TestFixture]
internal sealed class InteriorLookupTests
{
    private TestPages _pages = null!;
    private RecordStore _store = null!;

    [SetUp]
    public void CreateStore()
    {
        _pages = new TestPages();
        _store = RecordStore.TryCreate(_pages)!;
    }

    [TearDown]
    public void ReleaseStore() => _pages.Dispose();

    // 0x7FFF_FFF0_0000 … crosses leaves (32 MiB) and regions (64 KiB) on purpose.
    [TestCase(0x7F00_0000_0000ul)]
    [TestCase(0x7F00_01FF_FFC0ul)]
    [TestCase(0x7F00_0000_FFE0ul)]
    [TestCase(0x10ul)]
    [TestCase(0x5003ul)]
    public void EveryByteOfSmallBlocksFindsItsBlockAndTheGapsFindNone(ulong origin)
    {
        nuint[] sizes = [1, 15, 16, 17, 24, 100, 4096, 3];
        List<(nuint Start, nuint Size)> blocks = [];
        nuint at = (nuint)origin;
        foreach (nuint size in sizes)
        {
            Insert(at, size);
            blocks.Add((at, size));
            at += ((size + 15) & ~(nuint)15) + 16;
        }

        for (nuint address = (nuint)origin - 8; address < at + 64; address++)
        {
            (nuint Start, nuint Size) expected = blocks.FirstOrDefault(block => address - block.Start < block.Size);
            Assert.That(FindStart(address), Is.EqualTo(expected.Start), $"address {address:x}");
        }
    }

    [Test]
    public void AnyByteOfAHugeBlockIsFoundAcrossLeavesThatDoNotExist()
    {
        const ulong GiB = 1UL << 30;
        nuint start = At(0x6000_0000_0000);
        nuint byteCount = At(300 * GiB);
        Insert(start - 64, 48);
        Insert(start, byteCount);
        Insert(start + byteCount, 16);
        ulong[] offsets = [0, 1, 4095, 1UL << 25, GiB, (200 * GiB) + 12345, (300 * GiB) - 1];
        foreach (ulong offset in offsets)
        {
            Assert.That(FindStart(start + At(offset)), Is.EqualTo(start), $"offset {offset}");
        }

        Assert.That(FindStart(start + byteCount), Is.EqualTo(start + byteCount));
        Assert.That(FindStart(start + byteCount + 16), Is.EqualTo((nuint)0));
        Assert.That(FindStart(start - 16), Is.EqualTo((nuint)0), "the gap between the blocks");
    }

    [Test]
    public void AStaleRecordInsideALargerBlockDoesNotHideIt()
    {
        Insert(0x10_0000, 0x1000);
        Insert(0x10_0400, 16);
        Insert(0x10_0800, 16);
        Assert.That(FindStart(0x10_0900), Is.EqualTo((nuint)0x10_0000));
        Assert.That(FindStart(0x10_0408), Is.EqualTo((nuint)0x10_0400));
    }

    [Test]
    public void AZeroByteBlockOwnsItsAddressOnly()
    {
        Insert(0x4000, 0);
        Assert.That(FindStart(0x4000), Is.EqualTo((nuint)0x4000));
        Assert.That(FindStart(0x4001), Is.EqualTo((nuint)0));
    }

    [TestCase(0ul)]
    [TestCase(ulong.MaxValue)]
    [TestCase(0x8000_0000_0000ul)]
    public void AddressesNoBlockCanHaveFindNothing(ulong address)
    {
        Insert(At(0x7FFF_FFFF_F000), 64);
        Assert.That(FindStart((nuint)address), Is.EqualTo((nuint)0));
    }

    [Test]
    public void AFreedBlockIsNotFoundByItsBytes()
    {
        Insert(0x8000, 100);
        Assert.That(FindStart(0x8063), Is.EqualTo((nuint)0x8000));
        _store.TryRemove(0x8000, out _);
        Assert.That(FindStart(0x8063), Is.EqualTo((nuint)0));
    }

    private static nuint At(ulong address) => (nuint)address;

    private nuint FindStart(nuint address)
    {
        using EpochGuard guard = _store.Epochs.Enter();
        if (!_store.TryFindInterior(in guard, address, out RecordHandle found))
        {
            return 0;
        }

        using (found)
        {
            return found.Record.Address;
        }
    }

    private void Insert(nuint address, nuint byteCount)
        => Assert.That(_store.Insert(address, byteCount, AllocationApi.Unknown, BlockFlags.None, 0));
}
