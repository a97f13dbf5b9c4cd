// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the two stubs a frame walk starts from: where the caller's frame is, and where the thread's stack ends.
// Who calls it: NativeHeap/Allocation, on every recorded allocation made through the explicit API, once per thread for
// fs:0.
// The one idea: both are leaves called through a managed function pointer, so they cost one call and one return.

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

    // Safety: typed as managed function pointers on purpose: a plain call without a GC transition or poll.
    private static delegate*<nuint> s_framePointer;
    private static delegate*<nuint> s_threadControlBlock;

    /// <summary>
    /// Returns the frame pointer (RBP) of the method that calls the stub; valid after <see cref="EmitFrameStubs"/>.
    /// </summary>
    public static delegate*<nuint> FramePointer => s_framePointer;

    /// <summary>Returns fs:0 of the calling thread; valid after <see cref="EmitFrameStubs"/>.</summary>
    public static delegate*<nuint> ThreadControlBlock => s_threadControlBlock;

    /// <summary>Assembles both stubs. Idempotent; call once at start, before the first walk.</summary>
    public static void EmitFrameStubs()
    {
        if (s_framePointer == null)
        {
            s_threadControlBlock = (delegate*<nuint>)Emit(ThreadControlBlockCode);
            s_framePointer = (delegate*<nuint>)Emit(FramePointerCode);
        }
    }
}
