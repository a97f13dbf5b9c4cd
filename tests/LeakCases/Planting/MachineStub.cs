// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a few bytes of x64 code that keep an address where C# cannot put it: in one register, or on a stack that is
// not the thread's.
// Who calls it: Registers and ForeignStack.
// The one idea: the stub gets the address complemented and makes the plain one itself, so no other copy exists.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LeakCases.Planting;

/// <summary>Code that spins with an address in a known place until the process ends.</summary>
internal static unsafe class MachineStub
{
    // Each: rdi = first argument, rsi = two ints (ready, stop), rdx = third argument.
    // The loop is the same in all: pause; cmp dword [rsi+4],0; je back.
    private static ReadOnlySpan<byte> InRbx =>
    [
        0x53,                               // push rbx
        0x48, 0x89, 0xFB,                   // mov  rbx, rdi
        0x48, 0xF7, 0xD3,                   // not  rbx
        0xC7, 0x06, 1, 0, 0, 0,             // mov  dword [rsi], 1
        0xF3, 0x90,                         // pause
        0x83, 0x7E, 0x04, 0x00,             // cmp  dword [rsi+4], 0
        0x74, 0xF8,                         // je   pause
        0x5B,                               // pop  rbx
        0xC3,                               // ret
    ];

    private static ReadOnlySpan<byte> InXmm15 =>
    [
        0x48, 0xF7, 0xD7,                   // not  rdi
        0x66, 0x4C, 0x0F, 0x6E, 0xFF,       // movq xmm15, rdi
        0x31, 0xFF,                         // xor  edi, edi
        0xC7, 0x06, 1, 0, 0, 0,             // mov  dword [rsi], 1
        0xF3, 0x90,                         // pause
        0x83, 0x7E, 0x04, 0x00,             // cmp  dword [rsi+4], 0
        0x74, 0xF8,                         // je   pause
        0x66, 0x45, 0x0F, 0xEF, 0xFF,       // pxor xmm15, xmm15
        0xC3,                               // ret
    ];

    private static ReadOnlySpan<byte> OnForeignStack =>
    [
        0x53,                               // push rbx
        0x48, 0x89, 0xE3,                   // mov  rbx, rsp
        0x48, 0x89, 0xFC,                   // mov  rsp, rdi
        0x48, 0xF7, 0xD2,                   // not  rdx
        0x52,                               // push rdx
        0x31, 0xD2,                         // xor  edx, edx
        0xC7, 0x06, 1, 0, 0, 0,             // mov  dword [rsi], 1
        0xF3, 0x90,                         // pause
        0x83, 0x7E, 0x04, 0x00,             // cmp  dword [rsi+4], 0
        0x74, 0xF8,                         // je   pause
        0x48, 0x89, 0xDC,                   // mov  rsp, rbx
        0x5B,                               // pop  rbx
        0xC3,                               // ret
    ];

    /// <summary>Spins for ever with the address in rbx only.</summary>
    public static void HoldInRbx(nuint hidden, Action ready) => Spin(InRbx, hidden, 0, ready);

    /// <summary>Spins for ever with the address in xmm15 only.</summary>
    public static void HoldInXmm15(nuint hidden, Action ready) => Spin(InXmm15, hidden, 0, ready);

    /// <summary>Spins for ever on another stack, with the address there.</summary>
    public static void HoldOnForeignStack(nint stackTop, nuint hidden, Action ready)
        => Spin(OnForeignStack, (nuint)stackTop, hidden, ready);

    private static void Spin(ReadOnlySpan<byte> code, nuint first, nuint third, Action ready)
    {
        const nuint PageByteCount = 4096;
        nint page = Libc.MapPages(PageByteCount);
        code.CopyTo(new Span<byte>((void*)page, (int)PageByteCount));
        if (Libc.mprotect(page, PageByteCount, Libc.PROT_READ | Libc.PROT_EXEC) != 0)
        {
            throw new InvalidOperationException("mprotect failed");
        }

        int* flags = (int*)Libc.MapPages(PageByteCount);
        Thread observer = new(() => Announce(flags, ready)) { IsBackground = true };
        observer.Start();
        Enter((delegate* unmanaged<nuint, int*, nuint, void>)page, first, flags, third);
    }

    // Its own frame, with nothing but arguments: whatever else the caller computed is not on this thread's stack any more.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Enter(delegate* unmanaged<nuint, int*, nuint, void> stub, nuint first, int* flags, nuint third)
        => stub(first, flags, third);

    private static void Announce(int* flags, Action ready)
    {
        while (Volatile.Read(ref *flags) == 0)
        {
            Thread.Yield();
        }

        ready();
    }
}
