// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the stub that the inner call of SystemNative_AlignedRealloc is led to: it undoes what the function did so far
// and enters the hook as if the function itself had been led there. Who calls it: HookInstallation, for its stub page.
// The one idea: at that call the function has only saved registers and moved its arguments, all of which is still there.
// Safety: written for the very bytes that ExportPatcher.CallingFunction demands, in which the registers are saved.
namespace NativeLeak.Interop.Linux;

internal static unsafe partial class MachineCode
{
    // Entered by the call: rdi alignment, rsi byteCount, rbx block; saved below the frame pointer: r15, r14, rbx, a filler.
    private static ReadOnlySpan<byte> TakeBackCode =>
    [
        0x48, 0x89, 0xF2,           // mov rdx, rsi     byteCount
        0x48, 0x89, 0xFE,           // mov rsi, rdi     alignment
        0x48, 0x89, 0xDF,           // mov rdi, rbx     block
        0x48, 0x83, 0xC4, 0x10,     // add rsp, 16      the call's return address, the filler
        0x5B,                       // pop rbx
        0x41, 0x5E,                 // pop r14
        0x41, 0x5F,                 // pop r15
        0x5D,                       // pop rbp          now rsp and rbp are those at the function's entry
    ];

    /// <summary>Writes the stub; from it <paramref name="entry"/> is entered as <c>AlignedRealloc</c> itself was.</summary>
    /// <param name="destination">At least <see cref="MaximumEntryByteCount"/> bytes.</param>
    /// <param name="entry">The entry stub of the hook.</param>
    /// <returns>Bytes written.</returns>
    public static int WriteTakeBack(Span<byte> destination, nint entry)
    {
        TakeBackCode.CopyTo(destination);
        return TakeBackCode.Length + WriteJump(destination[TakeBackCode.Length..], entry);
    }
}
