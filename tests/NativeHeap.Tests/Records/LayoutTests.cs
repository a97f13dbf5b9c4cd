// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

[TestFixture]
internal sealed unsafe class LayoutTests
{
    private static readonly TestCaseData[] s_fields =
    [
        new(typeof(PackedRecord), nameof(PackedRecord.SiteAndOrdinal), 0),
        new(typeof(PackedRecord), nameof(PackedRecord.SizeAndOrdinal), 8),
        new(typeof(PackedRecord), nameof(PackedRecord.SizeAndState), 8),
        new(typeof(PackedRecord), nameof(PackedRecord.StateWord), 12),
        new(typeof(RecordStripe), nameof(RecordStripe.Lock), 0),
        new(typeof(RecordStripe), nameof(RecordStripe.Mode), 4),
        new(typeof(RecordStripe), nameof(RecordStripe.FreeHead), 8),
        new(typeof(RecordStripe), nameof(RecordStripe.FreeCount), 12),
        new(typeof(RecordStripe), nameof(RecordStripe.SpareHead), 16),
        new(typeof(RecordStripe), nameof(RecordStripe.BumpNext), 20),
        new(typeof(RecordStripe), nameof(RecordStripe.BumpEnd), 24),
        new(typeof(RecordStripe), nameof(RecordStripe.Forks), 28),
        new(typeof(RecordStripe), nameof(RecordStripe.LastOrdinal), 32),
        new(typeof(RecordStripe), nameof(RecordStripe.Allocated), 40),
        new(typeof(RecordStripe), nameof(RecordStripe.AllocatedBytes), 48),
        new(typeof(RecordStripe), nameof(RecordStripe.Freed), 56),
        new(typeof(RecordStripe), nameof(RecordStripe.FreedBytes), 64),
        new(typeof(RecordStripe), nameof(RecordStripe.Replaced), 72),
        new(typeof(RecordStripe), nameof(RecordStripe.UnknownFrees), 80),
        new(typeof(RecordStripe), nameof(RecordStripe.Dropped), 88),
        new(typeof(RecordStripe), nameof(RecordStripe.Queue), 96),
        new(typeof(RecordQueue), nameof(RecordQueue.Lock), 0),
        new(typeof(RecordQueue), nameof(RecordQueue.Head), 4),
        new(typeof(RecordQueue), nameof(RecordQueue.Tail), 8),
        new(typeof(RecordQueue), nameof(RecordQueue.SinceDrain), 12),
        new(typeof(RecordQueue), nameof(RecordQueue.Count), 16),
    ];

    [TestCaseSource(nameof(s_fields))]
    public void AFieldStandsWhereTheDrawingSays(Type type, string field, int offset)
        => Assert.That((int)Marshal.OffsetOf(type, field), Is.EqualTo(offset));

    [TestCase(typeof(PackedRecord), PackedRecord.ByteCount, 16)]
    [TestCase(typeof(RecordQueue), RecordQueue.ByteCount, 128)]
    [TestCase(typeof(RecordStripe), RecordStripe.ByteCount, 128)]
    public void AStructHasTheSizeOfItsDrawing(Type type, int constant, int byteCount)
    {
        Assert.That(Marshal.SizeOf(type), Is.EqualTo(byteCount));
        Assert.That(constant, Is.EqualTo(byteCount));
    }

    [Test]
    public void EveryFieldOfARecordIsInTheTable()
    {
        string[] listed = [.. s_fields.Select(row => $"{row.Arguments[0]}.{row.Arguments[1]}")];
        string[] declared = [.. new[] { typeof(PackedRecord), typeof(RecordStripe), typeof(RecordQueue) }
            .SelectMany(type => type.GetFields().Where(field => !field.IsLiteral).Select(field => $"{type}.{field.Name}"))];
        Assert.That(listed, Is.EquivalentTo(declared));
    }

    [Test]
    public void TheHotWordsOfTwoStripesAreTwoLinesApart()
    {
        int last = s_fields.Where(row => (Type)row.Arguments[0]! == typeof(RecordStripe)).Max(row => (int)row.Arguments[2]!);
        Assert.That(last + sizeof(long), Is.LessThanOrEqualTo(RecordStripe.ByteCount));
        Assert.That(RecordStripe.ByteCount % 128, Is.Zero, "pairs of lines are fetched together");
        Assert.That(RecordQueue.ByteCount % 128, Is.Zero);
    }

    // One field at a time all ones: it reads back, and no other does.
    [TestCase(PackedRecord.SiteBits, 0)]
    [TestCase(PackedRecord.OrdinalBits, 1)]
    [TestCase(29, 2)]
    [TestCase(5, 3)]
    [TestCase(5, 4)]
    [TestCase(14, 5)]
    public void AFieldOfARecordHasItsBitsToItself(int bits, int field)
    {
        ulong[] values = new ulong[6];
        values[field] = (1UL << bits) - 1;
        PackedRecord record = default;
        PackedRecord.Fill(&record, (uint)values[2], (uint)values[0], values[1]);
        RecordStateWord.Publish(ref record.StateWord, (AllocationApi)values[3], (BlockFlags)values[4], (ushort)values[5]);
        Assert.That(record.State, Is.EqualTo(RecordState.Live));
        Assert.That(RecordStateWord.Pins(record.StateWord), Is.Zero);
        ulong[] read =
        [
            record.Site, record.Ordinal, PackedRecord.ReadByteCount(&record, &record),
            (ulong)RecordStateWord.Api(record.StateWord), (ulong)RecordStateWord.Flags(record.StateWord),
            RecordStateWord.Thread(record.StateWord),
        ];
        Assert.That(read, Is.EqualTo(values));
    }

    [Test]
    public void EveryApiAndEveryFlagFitsItsField()
    {
        Assert.That(Enum.GetValues<AllocationApi>().Max(api => (int)api), Is.LessThanOrEqualTo(RecordStateWord.MaximumApi));
        Assert.That(Enum.GetValues<BlockFlags>().Max(flag => (int)flag), Is.LessThanOrEqualTo(RecordStateWord.MaximumFlags));
    }

    [Test]
    public void ASizeTooLargeForItsFieldIsReadFromTheSizeEntry()
    {
        PackedRecord* entries = stackalloc PackedRecord[3];
        entries[2].SiteAndOrdinal = 1UL << 40;
        PackedRecord.Fill(entries + 1, (uint)PackedRecord.LargeByteCount | 2, 7, ulong.MaxValue >> 18);
        Assert.That(entries[1].SizeEntry, Is.EqualTo(2u));
        Assert.That((ulong)PackedRecord.ReadByteCount(entries + 1, entries), Is.EqualTo(1UL << 40));
        Assert.That(entries[1].Site, Is.EqualTo(7u));
    }

    [TestCase(5u, 100u, 5u)]
    [TestCase(100u, 100u, 100u)]
    [TestCase(130u, 100u, 130u, Description = "born after the clock was read")]
    [TestCase(5u, (1u << 27) + 100u, (1u << 27) + 5u)]
    [TestCase((1u << 27) - 5u, (1u << 27) + 100u, (1u << 27) - 5u)]
    [TestCase((1u << 27) - 1u, (7u << 27) + 4u, (7u << 27) - 1u)]
    public void ABirthTickGetsItsUpperBitsBackFromTheClock(uint stored, uint now, uint full)
        => Assert.That(PackedRecord.FullBirthTick(stored & ((1u << 27) - 1), now), Is.EqualTo(full));

    [Test]
    public void TheOrderOfOrdinalsSurvivesOneWrap()
    {
        const ulong Last = (1UL << PackedRecord.OrdinalBits) - 1;
        Assert.That(PackedRecord.IsYounger(2, 1));
        Assert.That(PackedRecord.IsYounger(1, 2), Is.False);
        Assert.That(PackedRecord.IsYounger(1, 1), Is.False);
        Assert.That(PackedRecord.IsYounger(3, Last));
        Assert.That(PackedRecord.IsYounger(Last, 3), Is.False);
    }
}
