// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Sizes and offsets that machine code, the kernel, or another process relies on.</summary>
internal sealed unsafe class LayoutTests
{
    [TestCase(typeof(ParkingSlot), 64)]
    [TestCase(typeof(ParkingControl), 64)]
    [TestCase(typeof(ParkedThread), 64)]
    [TestCase(typeof(Mapping), 32)]
    [TestCase(typeof(SignalInformation), 128)]
    [TestCase(typeof(KernelSignalAction), 32)]
    [TestCase(typeof(TimeSpecification), 16)]
    [TestCase(typeof(PollDescriptor), 8)]
    [TestCase(typeof(MemoryRange), 16)]
    public void A_structure_has_its_size(Type type, int byteCount)
        => Assert.That(Marshal.SizeOf(type), Is.EqualTo(byteCount));

    [TestCase(typeof(ParkingSlot), nameof(ParkingSlot.Word), 0)]
    [TestCase(typeof(ParkingSlot), nameof(ParkingSlot.Generation), 0)]
    [TestCase(typeof(ParkingSlot), nameof(ParkingSlot.State), 4)]
    [TestCase(typeof(ParkingSlot), nameof(ParkingSlot.UserContext), 8)]
    [TestCase(typeof(ParkingSlot), nameof(ParkingSlot.ThreadControlBlock), 16)]
    [TestCase(typeof(ParkingSlot), nameof(ParkingSlot.ThreadId), 24)]
    [TestCase(typeof(ParkingSlot), nameof(ParkingSlot.Outcome), 28)]
    [TestCase(typeof(ParkingSlot), nameof(ParkingSlot.AskedNanoseconds), 32)]
    [TestCase(typeof(ParkingSlot), nameof(ParkingSlot.StackPointer), 40)]
    [TestCase(typeof(ParkingControl), nameof(ParkingControl.Release), 0)]
    [TestCase(typeof(ParkingControl), nameof(ParkingControl.Acknowledged), 4)]
    [TestCase(typeof(ParkingControl), nameof(ParkingControl.Overran), 8)]
    [TestCase(typeof(ParkingControl), nameof(ParkingControl.WakeAt), 12)]
    [TestCase(typeof(ParkingControl), nameof(ParkingControl.HoldSeconds), 16)]
    [TestCase(typeof(ParkingControl), nameof(ParkingControl.HoldNanoseconds), 24)]
    [TestCase(typeof(ParkingControl), nameof(ParkingControl.SlotTable), 32)]
    [TestCase(typeof(ParkingControl), nameof(ParkingControl.SlotTableByteCount), 40)]
    [TestCase(typeof(ParkingControl), nameof(ParkingControl.ProcessId), 48)]
    [TestCase(typeof(ParkingControl), nameof(ParkingControl.AllSignals), 56)]
    [TestCase(typeof(ParkedThread), nameof(ParkedThread.ThreadId), 0)]
    [TestCase(typeof(ParkedThread), nameof(ParkedThread.State), 4)]
    [TestCase(typeof(ParkedThread), nameof(ParkedThread.StackPointer), 8)]
    [TestCase(typeof(ParkedThread), nameof(ParkedThread.ThreadControlBlock), 16)]
    [TestCase(typeof(ParkedThread), nameof(ParkedThread.Registers), 24)]
    [TestCase(typeof(ParkedThread), nameof(ParkedThread.VectorRegisters), 40)]
    [TestCase(typeof(Mapping), nameof(Mapping.Start), 0)]
    [TestCase(typeof(Mapping), nameof(Mapping.End), 8)]
    [TestCase(typeof(Mapping), nameof(Mapping.Access), 16)]
    [TestCase(typeof(Mapping), nameof(Mapping.Kind), 20)]
    [TestCase(typeof(Mapping), nameof(Mapping.Inode), 24)]
    [TestCase(typeof(SignalInformation), nameof(SignalInformation.Signal), 0)]
    [TestCase(typeof(SignalInformation), nameof(SignalInformation.ErrorNumber), 4)]
    [TestCase(typeof(SignalInformation), nameof(SignalInformation.Code), 8)]
    [TestCase(typeof(SignalInformation), nameof(SignalInformation.ProcessId), 16)]
    [TestCase(typeof(SignalInformation), nameof(SignalInformation.UserId), 20)]
    [TestCase(typeof(SignalInformation), nameof(SignalInformation.Value), 24)]
    [TestCase(typeof(KernelSignalAction), nameof(KernelSignalAction.Flags), 8)]
    [TestCase(typeof(KernelSignalAction), nameof(KernelSignalAction.Restorer), 16)]
    [TestCase(typeof(KernelSignalAction), nameof(KernelSignalAction.Mask), 24)]
    [TestCase(typeof(PollDescriptor), nameof(PollDescriptor.Events), 4)]
    [TestCase(typeof(PollDescriptor), nameof(PollDescriptor.Returned), 6)]
    public void A_field_has_its_offset(Type type, string field, int offset)
        => Assert.That((int)Marshal.OffsetOf(type, field), Is.EqualTo(offset));

    [Test]
    public void The_states_have_the_numbers_that_the_handler_writes()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That((int)ParkingState.Asked, Is.EqualTo(1));
            Assert.That((int)ParkingState.Entered, Is.EqualTo(2));
            Assert.That((int)ParkingState.Parked, Is.EqualTo(3));
            Assert.That((int)ParkingState.Left, Is.EqualTo(4));
            Assert.That(ParkingSlot.ByteCount, Is.EqualTo(64), "the handler tests the low six bits");
        }
    }

    [Test]
    public void The_handler_holds_the_two_addresses_it_was_made_with()
    {
        byte* code = (byte*)MachineCode.EmitParkingHandler(
            unchecked((nint)0x1122_3344_5566_7788L), unchecked((nint)0x0102_0304_0506_0708L));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(code[0x06] == 0x49 && code[0x07] == 0xBA, Is.True, "mov r10, imm64");
            Assert.That(Unsafe.ReadUnaligned<long>(code + 0x08), Is.EqualTo(0x1122_3344_5566_7788));
            Assert.That(code[0x30] == 0x48 && code[0x31] == 0xB8, Is.True, "mov rax, imm64");
            Assert.That(Unsafe.ReadUnaligned<long>(code + 0x32), Is.EqualTo(0x0102_0304_0506_0708));
            Assert.That(code[0xF0], Is.EqualTo(0xC3), "the last byte, where three jumps go");
            Assert.That(MachineCode.Range.Contains((nuint)code), Is.True);
        }
    }

    // Every short jump of the handler: where it stands and where it must land, from the comments beside the bytes.
    [TestCase(0x04, 0x30)]
    [TestCase(0x17, 0x30)]
    [TestCase(0x24, 0x30)]
    [TestCase(0x2A, 0x30)]
    [TestCase(0x2E, 0x3C)]
    [TestCase(0x7A, 0xF0)]
    [TestCase(0xA9, 0xC0)]
    [TestCase(0xC4, 0xE7)]
    [TestCase(0xE0, 0xC0)]
    public void A_jump_of_the_handler_lands_where_its_comment_says(int at, int target)
    {
        byte* code = (byte*)MachineCode.EmitParkingHandler(0, 1);
        Assert.That(code[at], Is.InRange(0x70, 0x7F), "a conditional short jump");
        Assert.That(at + 2 + (sbyte)code[at + 1], Is.EqualTo(target));
    }
}
