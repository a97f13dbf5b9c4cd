// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: redirects an exported function of libSystem.Native to a stub of ours.
// Who calls it: the runtime hook, for its first tier.
// The one idea: only code that is byte for byte what we know is touched, and the change is such that a thread standing
// anywhere in the old function still finishes well. The six small exports are
//     55 | 48 89 E5 | 5D | E9 rel32        push rbp; mov rbp,rsp; pop rbp; jmp malloc@plt
// so changing nothing but rel32 is safe at every instruction boundary, and the state at the jump is the state at entry. They
// are never changed otherwise: a thread that stands inside the old bytes would go on in the middle of the new ones. So a
// stub page out of reach is a refusal: the installation then leads the wrapper to an island (JumpIslands). The one longer
// function, AlignedRealloc, has its place in the call of aligned_alloc, 22 bytes in: until there it has only saved registers
// and moved arguments, which the stub takes back (MachineCode.WriteTakeBack). Who is past the call ends as before.
using System.Buffers.Binary;
using System.Runtime.Versioning;

namespace NativeLeak.Interop.Linux.Patching;

/// <summary>What an export is expected to look like.</summary>
internal enum ExportShape
{
    /// <summary>A wrapper of 10 bytes, padded to 16, that jumps on to one function.</summary>
    TailJump,

    /// <summary>A function that saves registers, moves three arguments and calls: <c>AlignedRealloc</c>. The stub is one of
    /// <see cref="MachineCode.WriteTakeBack"/>.</summary>
    CallingFunction,
}

/// <summary>Plans patches of exports; <see cref="CodePatch"/> carries them out.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe class ExportPatcher
{
    private const int TailJumpByteCount = 10;
    private const int TailJumpDisplacement = 6;
    private const int CallDisplacement = 23;

    /// <summary>Bytes of a <see cref="ExportShape.CallingFunction"/> up to the end of its call.</summary>
    public const int CallingByteCount = 27;

    private static ReadOnlySpan<byte> TailJumpPrologue => [0x55, 0x48, 0x89, 0xE5, 0x5D, 0xE9];

    private static ReadOnlySpan<byte> CallingPrologue =>
    [
        0x55,                       // push rbp
        0x48, 0x89, 0xE5,           // mov rbp, rsp
        0x41, 0x57,                 // push r15
        0x41, 0x56,                 // push r14
        0x53,                       // push rbx
        0x50,                       // push rax         only to align the stack
        0x49, 0x89, 0xD7,           // mov r15, rdx     byteCount
        0x48, 0x89, 0xFB,           // mov rbx, rdi     block
        0x48, 0x89, 0xF7,           // mov rdi, rsi     alignment
        0x48, 0x89, 0xD6,           // mov rsi, rdx     byteCount
        0xE8,                       // call aligned_alloc
    ];

    /// <summary>Looks at a function and plans its redirection to <paramref name="stub"/>; changes nothing.</summary>
    /// <param name="address">Start of the function; 16 readable bytes, 32 for a <see cref="ExportShape.CallingFunction"/>.</param>
    /// <param name="byteCount">Its length.</param>
    /// <param name="shape">What it must look like.</param>
    /// <param name="stub">Where it shall lead.</param>
    /// <param name="protection">PROT_ bits that its page has and gets back.</param>
    /// <param name="reason">Why null was returned; empty otherwise.</param>
    /// <returns>Null when the function is not what we know.</returns>
    public static CodePatch? TryPlan(
        nuint address, nuint byteCount, ExportShape shape, nuint stub, int protection, out string reason)
    {
        if (address % CodePatch.ByteCount != 0)
        {
            reason = "it is not aligned to 16 bytes";
            return null;
        }

        // Safety: the caller vouches for as many readable bytes.
        ReadOnlySpan<byte> code = new((void*)address, ByteCountOf(shape));
        if (!HasShape(code, byteCount, shape, out reason))
        {
            return null;
        }

        if (!IsInReach(address, shape, stub))
        {
            reason = "no stub page within 2 GiB of it";
            return null;
        }

        // Nothing but the displacement of one jump or call changes, in the 16 bytes that hold it.
        int displacement = DisplacementOf(shape);
        int first = displacement & ~(CodePatch.ByteCount - 1);
        ReadOnlySpan<byte> original = code[first..(first + CodePatch.ByteCount)];
        Span<byte> replacement = stackalloc byte[CodePatch.ByteCount];
        original.CopyTo(replacement);
        BinaryPrimitives.WriteInt32LittleEndian(replacement[(displacement - first)..], (int)Distance(address, shape, stub));
        return new CodePatch(address + (nuint)first, original, replacement, protection);
    }

    /// <summary>Whether a function at <paramref name="address"/> can be led to <paramref name="stub"/>.</summary>
    public static bool IsInReach(nuint address, ExportShape shape, nuint stub)
        => Distance(address, shape, stub) == (int)Distance(address, shape, stub);

    /// <summary>Where a function of this shape jumps to, or calls first; 0 for any other code.</summary>
    public static nuint TargetOf(nuint address, ExportShape shape)
    {
        // Safety: the caller vouches for as many readable bytes.
        ReadOnlySpan<byte> code = new((void*)address, ByteCountOf(shape));
        return code.StartsWith(PrologueOf(shape))
            ? address + (nuint)DisplacementOf(shape) + sizeof(int)
                + (nuint)BinaryPrimitives.ReadInt32LittleEndian(code[DisplacementOf(shape)..])
            : 0;
    }

    /// <summary>Bytes that are looked at.</summary>
    public static int ByteCountOf(ExportShape shape)
        => shape == ExportShape.TailJump ? CodePatch.ByteCount : 2 * CodePatch.ByteCount;

    private static ReadOnlySpan<byte> PrologueOf(ExportShape shape)
        => shape == ExportShape.TailJump ? TailJumpPrologue : CallingPrologue;

    private static int DisplacementOf(ExportShape shape) => shape == ExportShape.TailJump ? TailJumpDisplacement : CallDisplacement;

    private static long Distance(nuint address, ExportShape shape, nuint stub)
        => (long)stub - (long)(address + (nuint)DisplacementOf(shape) + sizeof(int));

    private static bool HasShape(ReadOnlySpan<byte> code, nuint byteCount, ExportShape shape, out string reason)
    {
        bool isTailJump = shape == ExportShape.TailJump;
        ReadOnlySpan<byte> prologue = PrologueOf(shape);
        nuint least = isTailJump ? TailJumpByteCount : (nuint)CallingByteCount;
        if (byteCount < least)
        {
            reason = $"it is too short ({byteCount} bytes)";
            return false;
        }

        if (!code.StartsWith(prologue))
        {
            reason = $"it starts with unknown code ({Convert.ToHexString(code)})";
            return false;
        }

        // What follows a wrapper is padding (int3 or nop), or the wrapper is not the function we know.
        if (isTailJump && !IsPadding(code[TailJumpByteCount..]))
        {
            reason = $"it is not followed by padding ({Convert.ToHexString(code)})";
            return false;
        }

        reason = "";
        return true;
    }

    // A loop: the library's generic search would be compiled before Main.
    private static bool IsPadding(ReadOnlySpan<byte> code)
    {
        foreach (byte value in code)
        {
            if (value is not (0xCC or 0x90))
            {
                return false;
            }
        }

        return true;
    }
}
