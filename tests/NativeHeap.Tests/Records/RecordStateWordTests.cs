// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

[TestFixture]
internal sealed class RecordStateWordTests
{
    [Test]
    public void ARecordWithoutPinsIsHandedToReclamationByWhoRetiresIt()
    {
        uint word = 0;
        RecordStateWord.Publish(ref word, AllocationApi.Unknown, BlockFlags.None, 513);
        Assert.That(RecordStateWord.Thread(word), Is.EqualTo(513));
        Assert.That(RecordStateWord.Retire(ref word));
        Assert.That(new PackedRecord { StateWord = word }.State, Is.EqualTo(RecordState.Retired));
        RecordStateWord.Reclaim(ref word);
        Assert.That(word, Is.EqualTo(0u));
    }

    [Test]
    public void APinnedRecordIsHandedToReclamationByTheLastPinOnly()
    {
        uint word = 0;
        RecordStateWord.Publish(ref word, AllocationApi.MarshalStringToBSTR, BlockFlags.Aligned, 7);
        Assert.That(RecordStateWord.TryPin(ref word));
        Assert.That(RecordStateWord.TryPin(ref word));
        Assert.That(RecordStateWord.Unpin(ref word), Is.False, "a live record is not reclaimed");
        Assert.That(RecordStateWord.TryPin(ref word));
        Assert.That(RecordStateWord.Retire(ref word), Is.False);
        Assert.That(RecordStateWord.TryPin(ref word), Is.False, "a retired record gets no new reader");
        Assert.That(RecordStateWord.Unpin(ref word), Is.False);
        Assert.That(RecordStateWord.Unpin(ref word));
    }

    [Test]
    public void MorePinsThanTheFieldHoldsAreRefusedNotOverflowed()
    {
        uint word = 0;
        RecordStateWord.Publish(ref word, AllocationApi.Unknown, BlockFlags.None, RecordStateWord.MaximumThreadNumber);
        for (int i = 0; i < RecordStateWord.MaximumPins; i++)
        {
            Assert.That(RecordStateWord.TryPin(ref word));
        }

        Assert.That(RecordStateWord.TryPin(ref word), Is.False);
        Assert.That(RecordStateWord.Pins(word), Is.EqualTo(RecordStateWord.MaximumPins));
        Assert.That(RecordStateWord.Thread(word), Is.EqualTo(RecordStateWord.MaximumThreadNumber));
        Assert.That(RecordStateWord.Api(word), Is.EqualTo(AllocationApi.Unknown));
        Assert.That(new PackedRecord { StateWord = word }.State, Is.EqualTo(RecordState.Live));
    }

    [Test]
    public void EmptyAndRetiredRecordsCannotBePinned()
    {
        uint empty = 0;
        Assert.That(RecordStateWord.TryPin(ref empty), Is.False);
        Assert.That(empty, Is.EqualTo(0u));
    }
}
