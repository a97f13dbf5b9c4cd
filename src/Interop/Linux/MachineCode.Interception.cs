// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the stubs that stand between a caller of the C heap and our C# hook bodies, and two small tools of the
// patchers. Who calls it: StubPage (which places copies near the patched module), LoadedModules, CodePatch.
// The one idea: an entry stub is entered exactly as the original function was, so [rsp] is the caller's return address
// and rbp the caller's frame pointer; it adds both behind the original arguments and jumps, leaving no frame of its own.
// Safety: the spans are copied into pages of ours before their addresses leave; immediates are patched inside the
// span.
using System.Buffers.Binary;

namespace NativeLeak.Interop.Linux;

internal static unsafe partial class MachineCode
{
    private static nint s_collectModule;
    private static nint s_exchange16;

    // int CollectModule(dl_phdr_info* info, size_t size, LoadedModuleList* list): one page per module, see LoadedModules.
    private static ReadOnlySpan<byte> CollectModuleCode =>
    [
        0x48, 0x8B, 0x02,                   //     mov rax, [rdx]        list.Count
        0x48, 0x3B, 0x42, 0x08,             //     cmp rax, [rdx+8]      list.Capacity
        0x73, 0x46,                         //     jae done              full: ignore the rest
        0x48, 0xFF, 0x02,                   //     inc qword [rdx]
        0x48, 0xC1, 0xE0, 0x0C,             //     shl rax, 12           entries are 4,096 bytes
        0x48, 0x8D, 0x4C, 0x02, 0x10,       //     lea rcx, [rdx+rax+16] the entry, behind the 16-byte head
        0x48, 0x8B, 0x07,                   //     mov rax, [rdi]        dlpi_addr
        0x48, 0x89, 0x01,                   //     mov [rcx], rax
        0x48, 0x8B, 0x47, 0x10,             //     mov rax, [rdi+16]     dlpi_phdr
        0x48, 0x89, 0x41, 0x08,             //     mov [rcx+8], rax
        0x0F, 0xB7, 0x47, 0x18,             //     movzx eax, word [rdi+24]  dlpi_phnum
        0x48, 0x89, 0x41, 0x10,             //     mov [rcx+16], rax
        0x48, 0x8B, 0x77, 0x08,             //     mov rsi, [rdi+8]      dlpi_name
        0x48, 0x85, 0xF6,                   //     test rsi, rsi
        0x74, 0x1B,                         //     jz done
        0x48, 0x83, 0xC1, 0x20,             //     add rcx, 32           NameBytes
        0xBA, 0xDF, 0x0F, 0x00, 0x00,       //     mov edx, 4063         its capacity without the final NUL
        0x8A, 0x06,                         // l:  mov al, [rsi]
        0x84, 0xC0,                         //     test al, al
        0x74, 0x0C,                         //     jz done               the page was zeroed: the NUL is there
        0x88, 0x01,                         //     mov [rcx], al
        0x48, 0xFF, 0xC6,                   //     inc rsi
        0x48, 0xFF, 0xC1,                   //     inc rcx
        0xFF, 0xCA,                         //     dec edx
        0x75, 0xEE,                         //     jnz l
        0x31, 0xC0,                         // done: xor eax, eax        0 = go on to the next module
        0xC3,                               //     ret
    ];

    // int Exchange16(void* destination, void* expected, void* desired): 1 when the 16 bytes were replaced in one store.
    private static ReadOnlySpan<byte> Exchange16Code =>
    [
        0x53,                               // push rbx                  callee-saved, needed by cmpxchg16b
        0x49, 0x89, 0xD0,                   // mov r8, rdx               rdx is needed too
        0x48, 0x8B, 0x06,                   // mov rax, [rsi]            rdx:rax = expected
        0x48, 0x8B, 0x56, 0x08,             // mov rdx, [rsi+8]
        0x49, 0x8B, 0x18,                   // mov rbx, [r8]             rcx:rbx = desired
        0x49, 0x8B, 0x48, 0x08,             // mov rcx, [r8+8]
        0xF0, 0x48, 0x0F, 0xC7, 0x0F,       // lock cmpxchg16b [rdi]
        0x0F, 0x94, 0xC0,                   // sete al
        0x0F, 0xB6, 0xC0,                   // movzx eax, al
        0x5B,                               // pop rbx
        0xC3,                               // ret
    ];

    private static ReadOnlySpan<byte> JumpCode => [0xFF, 0x25, 0, 0, 0, 0]; // jmp [rip+0]: to the address that follows

    // The caller's frame pointer and return address become the arguments behind the original ones.
    private static ReadOnlySpan<byte> AppendTo1 => [0x48, 0x89, 0xEE, 0x48, 0x8B, 0x14, 0x24]; // mov rsi,rbp; mov rdx,[rsp]
    private static ReadOnlySpan<byte> AppendTo2 => [0x48, 0x89, 0xEA, 0x48, 0x8B, 0x0C, 0x24]; // mov rdx,rbp; mov rcx,[rsp]
    private static ReadOnlySpan<byte> AppendTo3 => [0x48, 0x89, 0xE9, 0x4C, 0x8B, 0x04, 0x24]; // mov rcx,rbp; mov r8,[rsp]

    // The same, one frame further up: for a call made by a function of the library on behalf of its own caller.
    private static ReadOnlySpan<byte> AppendOuterTo1 => [0x48, 0x8B, 0x55, 0x08, 0x48, 0x8B, 0x75, 0x00]; // mov rdx,[rbp+8]; mov rsi,[rbp]
    private static ReadOnlySpan<byte> AppendOuterTo2 => [0x48, 0x8B, 0x4D, 0x08, 0x48, 0x8B, 0x55, 0x00]; // mov rcx,[rbp+8]; mov rdx,[rbp]

    // Filter of the global-offset-table tier; holes: forwarder start/length, text start/length.
    private static ReadOnlySpan<byte> FilterCode =>
    [
        0x48, 0x8B, 0x04, 0x24,                         // mov rax, [rsp]    who called?
        0x49, 0xBB, 0, 0, 0, 0, 0, 0, 0, 0,             // mov r11, forwarder start
        0x49, 0x89, 0xC2,                               // mov r10, rax
        0x4D, 0x29, 0xDA,                               // sub r10, r11
        0x49, 0x81, 0xFA, 0, 0, 0, 0,                   // cmp r10, forwarder length
        0x72, 0,                                        // jb outer          it forwards for its own caller
        0x49, 0xBB, 0, 0, 0, 0, 0, 0, 0, 0,             // mov r11, text start
        0x49, 0x89, 0xC2,                               // mov r10, rax
        0x4D, 0x29, 0xDA,                               // sub r10, r11
        0x49, 0x81, 0xFA, 0, 0, 0, 0,                   // cmp r10, text length
        0x72, 0,                                        // jb internal       the library's own memory: not ours to see
    ];

    private const int FilterForwarderStart = 6, FilterForwarderLength = 23, FilterJumpOuter = 28,
        FilterTextStart = 31, FilterTextLength = 48, FilterJumpInternal = 53;

    /// <summary>Longest stub that <see cref="WriteHookMalloc"/> or <see cref="WriteHookFree"/> writes, in bytes.</summary>
    public const int MaximumHookByteCount = 768;

    /// <summary>Longest stub that <see cref="WriteEntry"/> or <see cref="WriteFilteredEntry"/> writes, in bytes.</summary>
    public const int MaximumEntryByteCount = 128;

    /// <summary>Address of the callback for dl_iterate_phdr; assembled on first use.</summary>
    public static nint CollectModule => s_collectModule == 0 ? s_collectModule = Emit(CollectModuleCode) : s_collectModule;

    /// <summary>Address of the 16-byte compare-and-exchange; assembled on first use.</summary>
    public static nint Exchange16 => s_exchange16 == 0 ? s_exchange16 = Emit(Exchange16Code) : s_exchange16;

    /// <summary>Writes a jump to <paramref name="target"/>: 14 bytes that reach the whole address space.</summary>
    /// <returns>Bytes written.</returns>
    public static int WriteJump(Span<byte> destination, nint target)
    {
        JumpCode.CopyTo(destination);
        BinaryPrimitives.WriteInt64LittleEndian(destination[JumpCode.Length..], target);
        return JumpCode.Length + sizeof(long);
    }

    /// <summary>Writes the stub of a function of <paramref name="argumentCount"/> arguments (1 … 3): appends the
    /// caller's frame pointer and return address, then jumps to <paramref name="body"/>.</summary>
    /// <returns>Bytes written.</returns>
    public static int WriteEntry(Span<byte> destination, int argumentCount, nint body)
    {
        ReadOnlySpan<byte> append = argumentCount switch { 1 => AppendTo1, 2 => AppendTo2, _ => AppendTo3 };
        append.CopyTo(destination);
        return append.Length + WriteJump(destination[append.Length..], body);
    }

    /// <summary>
    /// Writes the stub of a slot of the library's global offset table. Calls that return into <paramref name="text"/> are
    /// the library's own and go to <paramref name="original"/>, except those of <paramref name="forwarder"/> (a function
    /// with a frame pointer), which count for the forwarder's caller. All others (tail jumps of the exported wrappers)
    /// come from outside and go to <paramref name="entry"/>, as with <see cref="WriteEntry"/>.
    /// </summary>
    /// <param name="destination">At least <see cref="MaximumEntryByteCount"/> bytes.</param>
    /// <param name="argumentCount">1 or 2.</param>
    /// <param name="entry">The hook body, or a stub that leads there and finds the caller by itself.</param>
    /// <param name="body">The hook body, for the forwarder's caller.</param>
    /// <param name="original">The C heap's own function.</param>
    /// <param name="text">The library's executable segment; less than 2 GiB.</param>
    /// <param name="forwarder">A function inside it.</param>
    /// <returns>Bytes written.</returns>
    public static int WriteFilteredEntry(
        Span<byte> destination, int argumentCount, nint entry, nint body, nint original, MemoryRange text, MemoryRange forwarder)
    {
        FilterCode.CopyTo(destination);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[FilterForwarderStart..], forwarder.Start);
        BinaryPrimitives.WriteInt32LittleEndian(destination[FilterForwarderLength..], checked((int)forwarder.ByteCount));
        BinaryPrimitives.WriteUInt64LittleEndian(destination[FilterTextStart..], text.Start);
        BinaryPrimitives.WriteInt32LittleEndian(destination[FilterTextLength..], checked((int)text.ByteCount));
        int at = FilterCode.Length;
        at += WriteEntry(destination[at..], argumentCount, entry);

        destination[FilterJumpOuter] = checked((byte)(at - FilterJumpOuter - 1));
        ReadOnlySpan<byte> outer = argumentCount == 1 ? AppendOuterTo1 : AppendOuterTo2;
        outer.CopyTo(destination[at..]);
        at += outer.Length;
        at += WriteJump(destination[at..], body);

        destination[FilterJumpInternal] = checked((byte)(at - FilterJumpInternal - 1));
        return at + WriteJump(destination[at..], original);
    }
}
