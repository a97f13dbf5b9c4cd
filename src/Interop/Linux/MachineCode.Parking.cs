// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the signal handler that parks a thread, and two stubs that read registers.
// Who calls it: the kernel, on any thread of the process, at any instruction; StoppedWorld.
// The one idea: the handler claims its slot with one compare-exchange of (generation, Asked). Only a signal that is still
// wanted wins the claim, so a signal that comes late, however late, returns at once and touches nothing.
// Safety: the code is copied into the code page before its address leaves; immediates are patched inside the span.
using System.Buffers.Binary;

namespace NativeLeak.Interop.Linux;

/// <content>Parking. Offsets into slot and control are those drawn in <see cref="ParkingSlot"/> and <see cref="ParkingControl"/>.</content>
internal static unsafe partial class MachineCode
{
    private const int ParkingControlImmediateOffset = 0x08, PreviousHandlerImmediateOffset = 0x32;

    // void Handler(int signal [rdi], siginfo_t* info [rsi], ucontext_t* context [rdx]), entered with the thread's registers
    // saved in context. It pushes nothing and may ruin every register: sigreturn restores them all from the frame.
    // siginfo: 4 si_errno (we send the generation in it), 8 si_code, 16 si_pid, 24 si_value (we send the slot).
    private static ReadOnlySpan<byte> ParkingHandlerCode =>
    [
        // ---- Is it ours: queued, by this process, with the address of a slot? Nothing is changed before that is known.
        0x83, 0x7E, 0x08, 0xFF,                                     // 00 cmp dword [rsi+8], -1     SI_QUEUE
        0x75, 0x2A,                                                 // 04 jne chain
        0x49, 0xBA, 0, 0, 0, 0, 0, 0, 0, 0,                         // 06 mov r10, control          filled in
        0x41, 0x8B, 0x42, 0x30,                                     // 10 mov eax, [r10+48]         our process id
        0x39, 0x46, 0x10,                                           // 14 cmp [rsi+16], eax
        0x75, 0x17,                                                 // 17 jne chain
        0x4C, 0x8B, 0x46, 0x18,                                     // 19 mov r8, [rsi+24]          the slot, perhaps
        0x4C, 0x89, 0xC0,                                           // 1D mov rax, r8
        0x49, 0x2B, 0x42, 0x20,                                     // 20 sub rax, [r10+32]         − table start
        0x72, 0x0A,                                                 // 24 jb chain
        0x49, 0x3B, 0x42, 0x28,                                     // 26 cmp rax, [r10+40]         table bytes
        0x73, 0x04,                                                 // 2A jae chain
        0xA8, 0x3F,                                                 // 2C test al, 63               a whole slot
        0x74, 0x0C,                                                 // 2E je ours

        // chain: the runtime's own handler gets the signal as if we were not there.
        0x48, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0,                         // 30 mov rax, previous handler filled in
        0xFF, 0xE0,                                                 // 3A jmp rax

        // ours: no other signal may run code of the application on a parked thread; sigreturn brings its mask back.
        0x4D, 0x89, 0xC4,                                           // 3C mov r12, r8               slot
        0x4D, 0x89, 0xD5,                                           // 3F mov r13, r10              control
        0x49, 0x89, 0xD6,                                           // 42 mov r14, rdx              context
        0x44, 0x8B, 0x7E, 0x04,                                     // 45 mov r15d, [rsi+4]         generation
        0xBF, 0x02, 0x00, 0x00, 0x00,                               // 49 mov edi, 2                SIG_SETMASK
        0x49, 0x8D, 0x75, 0x38,                                     // 4E lea rsi, [r13+56]         every signal
        0x31, 0xD2,                                                 // 52 xor edx, edx              no old mask wanted
        0x41, 0xBA, 0x08, 0x00, 0x00, 0x00,                         // 54 mov r10d, 8               bytes of a mask
        0xB8, 0x0E, 0x00, 0x00, 0x00,                               // 5A mov eax, 14               rt_sigprocmask
        0x0F, 0x05,                                                 // 5F syscall

        // Claim the slot: (generation, Asked) → (generation, Entered). Pairs with StoppedWorld.Dismiss.
        0x48, 0xB9, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, // 61 mov rcx, 1 << 32
        0x44, 0x89, 0xF8,                                           // 6B mov eax, r15d             zero-extends
        0x48, 0x09, 0xC8,                                           // 6E or rax, rcx               generation | Asked << 32
        0x48, 0x01, 0xC1,                                           // 71 add rcx, rax              generation | Entered << 32
        0xF0, 0x49, 0x0F, 0xB1, 0x0C, 0x24,                         // 74 lock cmpxchg [r12], rcx
        0x75, 0x74,                                                 // 7A jne out                   nobody waits for us

        // Publish where our registers are, then the state: x64 keeps the order of stores. Pairs with StoppedWorld.Publish.
        0x4D, 0x89, 0x74, 0x24, 0x08,                               // 7C mov [r12+8], r14          context
        0x64, 0x48, 0x8B, 0x04, 0x25, 0x00, 0x00, 0x00, 0x00,       // 81 mov rax, fs:[0]
        0x49, 0x89, 0x44, 0x24, 0x10,                               // 8A mov [r12+16], rax         thread control block
        0x41, 0xC7, 0x44, 0x24, 0x04, 0x03, 0x00, 0x00, 0x00,       // 8F mov dword [r12+4], 3      Parked
        0xB8, 0x01, 0x00, 0x00, 0x00,                               // 98 mov eax, 1
        0xF0, 0x41, 0x0F, 0xC1, 0x45, 0x04,                         // 9D lock xadd [r13+4], eax    acknowledged
        0xFF, 0xC0,                                                 // A3 inc eax
        0x41, 0x3B, 0x45, 0x0C,                                     // A5 cmp eax, [r13+12]         wake at
        0x75, 0x15,                                                 // A9 jne hold
        0x49, 0x8D, 0x7D, 0x04,                                     // AB lea rdi, [r13+4]
        0xBE, 0x81, 0x00, 0x00, 0x00,                               // AF mov esi, 129              FUTEX_WAKE_PRIVATE
        0xBA, 0x01, 0x00, 0x00, 0x00,                               // B4 mov edx, 1                the controller
        0xB8, 0xCA, 0x00, 0x00, 0x00,                               // B9 mov eax, 202              futex
        0x0F, 0x05,                                                 // BE syscall

        // hold: wait while the release word is our generation, never longer than the hold limit.
        0x45, 0x39, 0x7D, 0x00,                                     // C0 cmp [r13], r15d           release word
        0x75, 0x21,                                                 // C4 jne leave
        0x4C, 0x89, 0xEF,                                           // C6 mov rdi, r13
        0xBE, 0x80, 0x00, 0x00, 0x00,                               // C9 mov esi, 128              FUTEX_WAIT_PRIVATE
        0x44, 0x89, 0xFA,                                           // CE mov edx, r15d
        0x4D, 0x8D, 0x55, 0x10,                                     // D1 lea r10, [r13+16]         hold limit
        0xB8, 0xCA, 0x00, 0x00, 0x00,                               // D5 mov eax, 202              futex
        0x0F, 0x05,                                                 // DA syscall
        0x48, 0x83, 0xF8, 0x92,                                     // DC cmp rax, -110             ETIMEDOUT
        0x75, 0xDE,                                                 // E0 jne hold
        0xF0, 0x41, 0xFF, 0x45, 0x08,                               // E2 lock inc dword [r13+8]    overran

        // leave: the last access to the slot; from here on it may be used for another thread.
        0x41, 0xC7, 0x44, 0x24, 0x04, 0x04, 0x00, 0x00, 0x00,       // E7 mov dword [r12+4], 4      Left
        0xC3,                                                       // F0 out: ret                  to the restorer, sigreturn
    ];

    // The handler's tail when nobody handled the signal before us (a private signal: only controls of our tests do that).
    private static ReadOnlySpan<byte> NoPreviousHandlerCode =>
    [
        0xC3,                                                       // ret
    ];

    // nint StackPointer(): the caller's own.
    private static ReadOnlySpan<byte> StackPointerCode =>
    [
        0x48, 0x8D, 0x44, 0x24, 0x08,                               // lea rax, [rsp+8]   without our return address
        0xC3,                                                       // ret
    ];

    /// <summary>Assembles a parking handler around a control structure.</summary>
    /// <param name="control">Address of the <see cref="ParkingControl"/>; must stay valid as long as the process lives.</param>
    /// <param name="previousHandler">Where every signal that is not ours goes; 0 = such signals are swallowed.</param>
    /// <exception cref="InvalidOperationException">No executable memory.</exception>
    public static nint EmitParkingHandler(nint control, nint previousHandler)
    {
        Span<byte> code = stackalloc byte[ParkingHandlerCode.Length];
        ParkingHandlerCode.CopyTo(code);
        BinaryPrimitives.WriteInt64LittleEndian(code[ParkingControlImmediateOffset..], control);
        nint chain = previousHandler != 0 ? previousHandler : Emit(NoPreviousHandlerCode);
        BinaryPrimitives.WriteInt64LittleEndian(code[PreviousHandlerImmediateOffset..], chain);
        return Emit(code);
    }

    /// <summary>Assembles the stub that returns its caller's stack pointer.</summary>
    public static nint EmitStackPointer() => Emit(StackPointerCode);
}
