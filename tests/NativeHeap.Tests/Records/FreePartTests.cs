// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

[TestFixture]
internal sealed class FreePartTests
{
    private TestPages _pages = null!;
    private RecordStore _store = null!;

    [SetUp]
    public void CreateStore()
    {
        _pages = new TestPages();
        _store = RecordStore.TryCreate(_pages)!;
        Assert.That(_store.Insert(0x10_0000, 1000, AllocationApi.MarshalStringToBSTR, BlockFlags.BstrPrefixed, 42));
    }

    [TearDown]
    public void ReleaseStore()
    {
        Assert.That(_store.FindBrokenInvariant(), Is.Null);
        _pages.Dispose();
    }

    [TestCase(0x10_0000u, 1000u, new uint[0], Description = "the whole block")]
    [TestCase(0x10_0000u, 5000u, new uint[0], Description = "more than there is")]
    [TestCase(0x10_0000u, 16u, new uint[] { 0x10_0010, 984 })]
    [TestCase(0x10_0000u, 3u, new uint[] { 0x10_0003, 997 }, Description = "what is left begins at an odd address")]
    [TestCase(0x10_0300u, 5000u, new uint[] { 0x10_0000, 0x300 })]
    [TestCase(0x10_0010u, 16u, new uint[] { 0x10_0000, 16, 0x10_0020, 968 }, Description = "both in one window")]
    [TestCase(0x10_0100u, 0x100u, new uint[] { 0x10_0000, 0x100, 0x10_0200, 1000 - 0x200 })]
    public void WhatIsLeftBeforeAndBehindStaysRecorded(uint address, uint byteCount, uint[] left)
    {
        Assert.That(_store.FreePart(address, byteCount));
        List<uint> found = [];
        using RecordCursor cursor = RecordCursor.Start(_store);
        while (cursor.TryNext())
        {
            BlockRecord piece = cursor.Current;
            found.Add((uint)piece.Address);
            found.Add((uint)piece.BlockByteCount);
            Assert.That((piece.Site, piece.Api), Is.EqualTo((42u, AllocationApi.MarshalStringToBSTR)));
            Assert.That(piece.Flags, Is.EqualTo(piece.Address == 0x10_0000 ? BlockFlags.BstrPrefixed : BlockFlags.None));
        }

        Assert.That(found, Is.EqualTo(left));
        Assert.That(_store.ReadCounters().Replaced, Is.Zero);
    }

    [TestCase(0xF_FFFFu)]
    [TestCase(0x10_03E8u)]
    public void APlaceOutsideEveryBlockChangesNothing(uint address)
    {
        Assert.That(_store.FreePart(address, 16), Is.False);
        Assert.That(_store.ReadCounters().LiveBytes, Is.EqualTo(1000));
    }
}
