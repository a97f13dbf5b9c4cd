// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.InteropServices;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Interception;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Interception;

/// <summary>The offsets and numbers in the hook's machine code are those of the structures.</summary>
[TestFixture]
internal sealed unsafe class HookLayoutTests
{
    private static readonly TestCaseData[] s_fields =
    [
        new(typeof(ThreadBlock), nameof(ThreadBlock.Scope), (int)HookLayout.ThreadScope),
        new(typeof(ThreadBlock), nameof(ThreadBlock.Live), (int)HookLayout.ThreadLive),
        new(typeof(ThreadBlock), nameof(ThreadBlock.StackEnd), (int)HookLayout.ThreadStackEnd),
        new(typeof(ThreadBlock), nameof(ThreadBlock.Stripe), (int)HookLayout.ThreadStripe),
        new(typeof(ThreadBlock), nameof(ThreadBlock.Ring), (int)HookLayout.ThreadRing),
        new(typeof(ThreadBlock), nameof(ThreadBlock.Memo), (int)HookLayout.ThreadMemo),
        new(typeof(ThreadBlock), nameof(ThreadBlock.Clock), (int)HookLayout.ThreadClock),
        new(typeof(WalkMemo), "_framePointer", (int)HookLayout.MemoFrame),
        new(typeof(WalkMemo), "_returnAddress", (int)HookLayout.MemoReturn),
        new(typeof(WalkMemo), "_stackPointer", (int)HookLayout.MemoStack),
        new(typeof(WalkMemo), "_stackEnd", (int)HookLayout.MemoStackEnd),
        new(typeof(WalkMemo), "_version", (int)HookLayout.MemoVersion),
        new(typeof(WalkMemo), "_siteWord", (int)HookLayout.MemoSite),
        new(typeof(WalkMemo), "_linksByteCount", (int)HookLayout.MemoLinks),
        new(typeof(WalkMemo), "_wordsByteCount", (int)HookLayout.MemoWords),
        new(typeof(WalkMemo), "_walks", (int)HookLayout.MemoWalks),
        new(typeof(RecordStripe), nameof(RecordStripe.FreeHead), (int)HookLayout.StripeFreeHead),
        new(typeof(RecordStripe), nameof(RecordStripe.FreeCount), (int)HookLayout.StripeFreeCount),
        new(typeof(RecordStripe), nameof(RecordStripe.LastOrdinal), (int)HookLayout.StripeLastOrdinal),
        new(typeof(RecordStripe), nameof(RecordStripe.Allocated), (int)HookLayout.StripeAllocated),
        new(typeof(RecordStripe), nameof(RecordStripe.AllocatedBytes), (int)HookLayout.StripeAllocatedBytes),
        new(typeof(RecordStripe), nameof(RecordStripe.Freed), (int)HookLayout.StripeFreed),
        new(typeof(RecordStripe), nameof(RecordStripe.FreedBytes), (int)HookLayout.StripeFreedBytes),
        new(typeof(RecordStripe), nameof(RecordStripe.Queue), (int)HookLayout.StripeQueue),
        new(typeof(RecordQueue), nameof(RecordQueue.Head), 4),
        new(typeof(FreePlace), nameof(FreePlace.ReturnAddress), 0),
        new(typeof(FreePlace), nameof(FreePlace.Outer), 8),
        new(typeof(FreePlace), nameof(FreePlace.Site), 24),
        new(typeof(FreeRing), nameof(FreeRing.InFlight), 0),
        new(typeof(FreeRing), nameof(FreeRing.Cursor), 8),
        new(typeof(PackedRecord), nameof(PackedRecord.SizeAndState), 8),
    ];

    [TestCaseSource(nameof(s_fields))]
    public void AFieldStandsWhereTheMachineCodeLooks(Type type, string field, int offset)
        => Assert.That((int)Marshal.OffsetOf(type, field), Is.EqualTo(offset));

    [Test]
    public void TheNumbersInTheMachineCodeAreThoseOfTheStructures()
    {
        ThreadBlock block = default;
        ClockMemo* clock = &block.Clock;
        FreeRing ring = default;
        FreePlace* place = ThreadBlock.PlaceOf(&block, 0b111_00);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((int)((byte*)&clock->Now.Nanoseconds - (byte*)&block), Is.EqualTo(HookLayout.ThreadClockNanoseconds));
            Assert.That((int)((byte*)&clock->Tick - (byte*)&block), Is.EqualTo(HookLayout.ThreadClockTick));
            Assert.That((int)((byte*)ThreadBlock.PlaceOf(&block, 0) - (byte*)&block), Is.EqualTo(HookLayout.ThreadPlaces));
            Assert.That((int)((byte*)place - (byte*)ThreadBlock.PlaceOf(&block, 0)), Is.EqualTo(7 * 32), "shl 3, and 0xE0");
            Assert.That(WalkMemo.ByteCount, Is.EqualTo(HookLayout.MemoByteCount));
            Assert.That(Constant(typeof(WalkMemo), "HeadByteCount"), Is.EqualTo(HookLayout.MemoFirst));
            Assert.That(Constant(typeof(WalkMemo), "LinkByteCount"), Is.EqualTo(24));
            Assert.That(Constant(typeof(WalkMemo), "WordByteCount"), Is.EqualTo(16));
            Assert.That((int)CHeap.QuickByteCount, Is.EqualTo(HookLayout.QuickByteCount));
            Assert.That((int)RecordSlabs.BatchCount, Is.EqualTo(HookLayout.BatchCount));
            Assert.That(FreeRing.Capacity, Is.EqualTo(HookLayout.RingCapacity));
            Assert.That(Constant(typeof(FreeRing), "FirstTag"), Is.EqualTo(HookLayout.RingFirstTag));
            Assert.That(Constant(typeof(FreeRing), "FirstEntry"), Is.EqualTo(HookLayout.RingFirstEntry));
            Assert.That(AddressIndex.SecondOffset * sizeof(uint), Is.EqualTo(HookLayout.SecondSlot));
            Assert.That(AddressIndex.AlignedShift + AddressIndex.WindowGranuleBits + AddressIndex.SlotBits, Is.EqualTo(27));
            Assert.That(AddressIndex.TallyBits + 2, Is.EqualTo(HookLayout.TallyShift));
            Assert.That((int)AddressIndex.TouchedTally, Is.EqualTo(HookLayout.TouchedTally));
            Assert.That(AddressIndex.GranuleShift, Is.EqualTo(29));
            Assert.That(AddressIndex.LeastReach, Is.GreaterThan(CHeap.QuickByteCount));
            Assert.That(PackedRecord.SiteBits, Is.EqualTo(20));
            Assert.That(PackedRecord.SequenceBits, Is.EqualTo(19));
            Assert.That(RecordStateWord.Live(AllocationApi.Unknown, BlockFlags.None, 1), Is.EqualTo(0x40001));
            Assert.That(RecordStateWord.Live((AllocationApi)1, BlockFlags.Annotated, 0), Is.EqualTo(0x8101));
            Assert.That(FreeRing.InHeap, Is.EqualTo(unchecked((nuint)(1UL << 63))));
            Assert.That((int)Marshal.SizeOf<FreePlace>(), Is.EqualTo(32));
            Assert.That((int)ring.InFlight, Is.Zero);
        }
    }

    // A free's entry in the ring, as the machine code packs it, is what FreeRing.Add writes.
    [Test]
    public void ARingRemembersTheSameOfBoth()
    {
        byte* memory = (byte*)NativeMemory.AllocZeroed(FreeRing.ByteCount, 1);
        FreeRing* ring = (FreeRing*)memory;
        ulong siteAndOrdinal = (0x3_FFFF_FFFF_FFFUL << 20) | 0xABCDE, sizeAndState = (0x1FUL << 40) | 1000 | (1UL << 32);
        FreeRing.Add(ring, unchecked((nuint)0x7FFF_1234_5670), 1000, siteAndOrdinal, sizeAndState, 0x54321);
        ulong* entry = (ulong*)(memory + HookLayout.RingFirstEntry);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(entry[0], Is.EqualTo(0x7FFF_1234_5670UL | (1000UL << 48)));
            Assert.That(entry[1], Is.EqualTo((siteAndOrdinal & 0x007F_FF80_000F_FFFF) | (0x54321UL << 20)
                | ((sizeAndState << 15) & 0x0F80_0000_0000_0000)));
            Assert.That(*(ushort*)(memory + HookLayout.RingFirstTag), Is.EqualTo(0x4567));
        }

        NativeMemory.Free(memory);
    }

    private static int Constant(Type type, string name)
        => Convert.ToInt32(type.GetField(name, BindingFlags.NonPublic | BindingFlags.Static)!.GetRawConstantValue());
}
