// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Machine code that keeps a value in one register and nowhere else.</summary>
internal static unsafe class TestStubs
{
    // void Spin(int* stop [rdi], ulong ~xmm15Value [rsi], ulong ~rbxValue [rdx]): the values come inverted, so that no
    // caller's frame holds them as they are.
    private static ReadOnlySpan<byte> SpinCode =>
    [
        0x53,                           // push rbx
        0x48, 0xF7, 0xD6,               // not rsi
        0x48, 0xF7, 0xD2,               // not rdx
        0x66, 0x4C, 0x0F, 0x6E, 0xFE,   // movq xmm15, rsi
        0x48, 0x89, 0xD3,               // mov rbx, rdx
        0x31, 0xF6,                     // xor esi, esi
        0x31, 0xD2,                     // xor edx, edx
        0x83, 0x3F, 0x00,               // again: cmp dword [rdi], 0
        0xF3, 0x90,                     // pause
        0x74, 0xF9,                     // je again
        0x66, 0x45, 0x0F, 0xEF, 0xFF,   // pxor xmm15, xmm15
        0x31, 0xDB,                     // xor ebx, ebx
        0x5B,                           // pop rbx
        0xC3,                           // ret
    ];

    private static readonly nint s_spin = MachineCode.Emit(SpinCode);

    /// <summary>Spins until *stop is not 0, with one value in xmm15 and another in rbx. Does not delay collections.</summary>
    public static void Spin(int* stop, ulong vectorValue, ulong generalValue)
        => ((delegate* unmanaged[Cdecl]<int*, ulong, ulong, void>)s_spin)(stop, ~vectorValue, ~generalValue);
}
