// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the stubs a recorded call starts from: where the caller's frame is, what is kept for the thread, and where its
// stack ends.
// Who calls it: NativeHeap/Allocation, on every recorded allocation made through the explicit API, once per thread for
// fs:0.
// The one idea: all are leaves called through a managed function pointer, so they cost one call and one return.
using System.Buffers.Binary;

namespace NativeLeak.Interop.Linux;

internal static unsafe partial class MachineCode
{
    // nuint FramePointer(): the frame pointer of the method that calls it. A leaf that pushes nothing sees it
    // unchanged.
    private static ReadOnlySpan<byte> FramePointerCode =>
    [
        0x48, 0x89, 0xE8,                   // mov rax, rbp
        0xC3,                               // ret
    ];

    // nuint ThreadControlBlock(): fs:0, which glibc places at the top of every stack but the main one.
    private static ReadOnlySpan<byte> ThreadControlBlockCode =>
    [
        0x64, 0x48, 0x8B, 0x04, 0x25,       // mov rax, fs:[disp32]
        0x00, 0x00, 0x00, 0x00,             //              0: the thread control block's own address
        0xC3,                               // ret
    ];

    // FrameAndSlot FrameAndSlot(): two words come back in rax and rdx.
    private static ReadOnlySpan<byte> FrameAndSlotCode =>
    [
        0x48, 0x89, 0xE8,                   // mov rax, rbp
        0x64, 0x48, 0x8B, 0x14, 0x25,       // mov rdx, fs:[disp32]
        0x00, 0x00, 0x00, 0x00,             //              ThreadSlot.Offset
        0xC3,                               // ret
    ];

    private const int FrameAndSlotOffset = 8;

    // The same where there is no slot.
    private static ReadOnlySpan<byte> FrameWithoutSlotCode =>
    [
        0x48, 0x89, 0xE8,                   // mov rax, rbp
        0x31, 0xD2,                         // xor edx, edx
        0xC3,                               // ret
    ];

    // Safety: typed as managed function pointers on purpose: a plain call without a GC transition or poll.
    private static delegate*<nuint> s_framePointer;
    private static delegate*<FrameAndSlot> s_frameAndSlot;
    private static delegate*<nuint> s_threadControlBlock;

    /// <summary>
    /// Returns the frame pointer (RBP) of the method that calls the stub; valid after <see cref="EmitFrameStubs"/>.
    /// </summary>
    public static delegate*<nuint> FramePointer => s_framePointer;

    /// <summary>Returns fs:0 of the calling thread; valid after <see cref="EmitFrameStubs"/>.</summary>
    public static delegate*<nuint> ThreadControlBlock => s_threadControlBlock;

    /// <summary>
    /// Returns the frame pointer of the method that calls the stub and the thread's <see cref="ThreadSlot"/>; valid after
    /// <see cref="EmitFrameStubs"/>.
    /// </summary>
    public static delegate*<FrameAndSlot> FrameAndSlot => s_frameAndSlot;

    /// <summary>Assembles the stubs. Idempotent; call once at start, before the first walk.</summary>
    public static void EmitFrameStubs()
    {
        if (s_framePointer == null)
        {
            s_threadControlBlock = (delegate*<nuint>)Emit(ThreadControlBlockCode);
            ThreadSlot.Initialize();
            Span<byte> code = stackalloc byte[FrameAndSlotCode.Length];
            FrameAndSlotCode.CopyTo(code);
            BinaryPrimitives.WriteInt32LittleEndian(code[FrameAndSlotOffset..], ThreadSlot.Offset);
            s_frameAndSlot = (delegate*<FrameAndSlot>)Emit(ThreadSlot.Offset != 0 ? code : FrameWithoutSlotCode);
            s_framePointer = (delegate*<nuint>)Emit(FramePointerCode);
        }
    }
}
