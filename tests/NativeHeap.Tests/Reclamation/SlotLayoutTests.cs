// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Reclamation;

namespace NativeLeak.NativeHeap.Tests.Reclamation;

/// <summary>The slot page is laid out as its drawings say.</summary>
[TestFixture]
internal sealed class SlotLayoutTests
{
    private const int PrefetchedLines = 128;

    private static readonly TestCaseData[] s_fields =
    [
        new(typeof(ReaderSlot), nameof(ReaderSlot.Announcement), 0),
        new(typeof(ReaderSlot), nameof(ReaderSlot.Owner), 8),
        new(typeof(ReaderSlot), nameof(ReaderSlot.Depth), 16),
        new(typeof(ReaderSlot), nameof(ReaderSlot.ThreadNumber), 20),
        new(typeof(ReaderSlot), nameof(ReaderSlot.EnteredTick), 24),
        new(typeof(EpochHeader), nameof(EpochHeader.Epoch), 0),
        new(typeof(EpochHeader), nameof(EpochHeader.Active), 128),
        new(typeof(EpochHeader), nameof(EpochHeader.UsedSlots), 256),
        new(typeof(EpochHeader), nameof(EpochHeader.Inspecting), 260),
        new(typeof(EpochHeader), nameof(EpochHeader.InspectedTick), 264),
        new(typeof(EpochHeader), nameof(EpochHeader.DeadReleased), 272),
        new(typeof(EpochHeader), nameof(EpochHeader.Revocations), 280),
        new(typeof(EpochHeader), nameof(EpochHeader.Unslotted), 288),
    ];

    [TestCaseSource(nameof(s_fields))]
    public void AFieldStandsWhereTheDrawingSays(Type type, string field, int offset)
        => Assert.That((int)Marshal.OffsetOf(type, field), Is.EqualTo(offset));

    [Test]
    public void EveryFieldIsInTheTable() => Assert.That(
        s_fields.Select(row => $"{row.Arguments[0]}.{row.Arguments[1]}"),
        Is.EquivalentTo(new[] { typeof(ReaderSlot), typeof(EpochHeader) }.SelectMany(type =>
            type.GetFields().Where(field => !field.IsLiteral).Select(field => $"{type}.{field.Name}"))));

    [Test]
    public void ReadersTheEpochAndTheCountOfReadersShareNoLines()
    {
        Assert.That(Marshal.SizeOf<ReaderSlot>(), Is.EqualTo(ReaderSlot.ByteCount).And.EqualTo(PrefetchedLines));
        Assert.That(Marshal.SizeOf<EpochHeader>(), Is.EqualTo(EpochHeader.ByteCount));
        Assert.That(EpochHeader.ByteCount % PrefetchedLines, Is.Zero);
        Assert.That((int)Marshal.OffsetOf<EpochHeader>(nameof(EpochHeader.Active)) % PrefetchedLines, Is.Zero);
        Assert.That((int)EpochDomain.ByteCount,
            Is.EqualTo(EpochHeader.ByteCount + (EpochDomain.SlotCount * ReaderSlot.ByteCount)));
    }
}
