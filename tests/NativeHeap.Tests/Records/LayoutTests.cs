// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

[TestFixture]
internal sealed class LayoutTests
{
    private static readonly TestCaseData[] s_fields =
    [
        new(typeof(BlockRecord), nameof(BlockRecord.Address), 0),
        new(typeof(BlockRecord), nameof(BlockRecord.SizeApiFlags), 8),
        new(typeof(BlockRecord), nameof(BlockRecord.Site), 16),
        new(typeof(BlockRecord), nameof(BlockRecord.Ordinal), 20),
        new(typeof(BlockRecord), nameof(BlockRecord.BirthTick), 24),
        new(typeof(BlockRecord), nameof(BlockRecord.StateWord), 28),
        new(typeof(RecordStripe), nameof(RecordStripe.Lock), 0),
        new(typeof(RecordStripe), nameof(RecordStripe.FreeHead), 4),
        new(typeof(RecordStripe), nameof(RecordStripe.BumpNext), 8),
        new(typeof(RecordStripe), nameof(RecordStripe.BumpEnd), 12),
        new(typeof(RecordStripe), nameof(RecordStripe.RetiredHead), 16),
        new(typeof(RecordStripe), nameof(RecordStripe.RetiredTail), 20),
        new(typeof(RecordStripe), nameof(RecordStripe.Retired), 24),
        new(typeof(RecordStripe), nameof(RecordStripe.SinceDrain), 28),
        new(typeof(RecordStripe), nameof(RecordStripe.OrdinalNext), 32),
        new(typeof(RecordStripe), nameof(RecordStripe.OrdinalEnd), 36),
        new(typeof(RecordStripe), nameof(RecordStripe.Allocated), 40),
        new(typeof(RecordStripe), nameof(RecordStripe.AllocatedBytes), 48),
        new(typeof(RecordStripe), nameof(RecordStripe.Freed), 56),
        new(typeof(RecordStripe), nameof(RecordStripe.FreedBytes), 64),
        new(typeof(RecordStripe), nameof(RecordStripe.Replaced), 72),
        new(typeof(RecordStripe), nameof(RecordStripe.UnknownFrees), 80),
        new(typeof(RecordStripe), nameof(RecordStripe.Dropped), 88),
    ];

    [TestCaseSource(nameof(s_fields))]
    public void AFieldStandsWhereTheDrawingSays(Type type, string field, int offset)
        => Assert.That((int)Marshal.OffsetOf(type, field), Is.EqualTo(offset));

    [TestCase(typeof(BlockRecord), BlockRecord.ByteCount, 32)]
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
        string[] declared = [.. new[] { typeof(BlockRecord), typeof(RecordStripe) }
            .SelectMany(type => type.GetFields().Where(field => !field.IsLiteral).Select(field => $"{type}.{field.Name}"))];
        Assert.That(listed, Is.EquivalentTo(declared));
    }

    [TestCase(0u, AllocationApi.Unknown, BlockFlags.None)]
    [TestCase(0xFFFF_FFFF_FFFFul, AllocationApi.MarshalSecureStringToCoTaskMemUnicode, BlockFlags.Aligned | BlockFlags.BstrPrefixed)]
    [TestCase(4096ul, AllocationApi.MarshalStringToBSTR, BlockFlags.BstrPrefixed)]
    public void SizeApiAndFlagsSurvivePacking(ulong byteCount, AllocationApi api, BlockFlags flags)
    {
        BlockRecord record = new() { SizeApiFlags = BlockRecord.Pack((nuint)byteCount, api, flags) };
        Assert.That(record.BlockByteCount, Is.EqualTo((nuint)byteCount));
        Assert.That(record.Api, Is.EqualTo(api));
        Assert.That(record.Flags, Is.EqualTo(flags));
    }

    [Test]
    public void ABlockTooLargeToDescribeIsDescribedAsTheLargest()
    {
        BlockRecord record = new() { SizeApiFlags = BlockRecord.Pack(nuint.MaxValue, AllocationApi.Unknown, BlockFlags.None) };
        Assert.That(record.BlockByteCount, Is.EqualTo(unchecked((nuint)BlockRecord.MaximumBlockByteCount)));
        Assert.That(record.Api, Is.EqualTo(AllocationApi.Unknown));
    }
}
