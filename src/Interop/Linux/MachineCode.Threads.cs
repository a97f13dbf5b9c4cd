// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Interop.Linux;

/// <content>The start of a thread in the cloned child (RawThread).</content>
internal static unsafe partial class MachineCode
{
    // long ThreadStart(flags, stackTop, function, argument): clone; the new thread calls function(argument) and ends alone.
    private static ReadOnlySpan<byte> ThreadStartCode =>
    [
        0x49, 0x89, 0xD0,                   // mov r8, rdx       function (the kernel keeps r8 and r9 for both)
        0x49, 0x89, 0xC9,                   // mov r9, rcx       argument
        0x31, 0xD2,                         // xor edx, edx      no place for the parent's copy of the thread id
        0x4D, 0x31, 0xD2,                   // xor r10, r10      nor for the child's
        0xB8, 0x38, 0x00, 0x00, 0x00,       // mov eax, 56       clone(flags in rdi, stack in rsi)
        0x0F, 0x05,                         // syscall
        0x48, 0x85, 0xC0,                   // test rax, rax
        0x74, 0x01,                         // jz child
        0xC3,                               // ret               the caller: thread id or −errno
        0x31, 0xED,                         // child: xor ebp, ebp   the end of every walk over frames
        0x4C, 0x89, 0xCF,                   // mov rdi, r9
        0x41, 0xFF, 0xD0,                   // call r8           the stack's top is 16-aligned here
        0x31, 0xFF,                         // xor edi, edi
        0xB8, 0x3C, 0x00, 0x00, 0x00,       // mov eax, 60       exit: this thread only
        0x0F, 0x05,                         // syscall
        0x0F, 0x0B,                         // ud2
    ];

    /// <summary>Assembles the stub and returns its address.</summary>
    public static nint EmitThreadStart() => Emit(ThreadStartCode);
}
