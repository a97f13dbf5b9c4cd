// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: redirects an exported function of libSystem.Native to a stub of ours.
// Who calls it: the runtime hook, for its first tier.
// The one idea: only code that is byte for byte what we know is touched, and the change is such that a thread standing
// anywhere in the old function still finishes well. The six small exports are
//     55 | 48 89 E5 | 5D | E9 rel32        push rbp; mov rbp,rsp; pop rbp; jmp malloc@plt
// so changing nothing but rel32 is safe at every instruction boundary, and the state at the jump is the state at entry. They
// are never changed otherwise: a thread that stands inside the old bytes would go on in the middle of the new ones. So a
// stub page out of reach is a refusal: the installation then leads the wrapper to an island (JumpIslands). The one longer function has no such place: it gets
// an absolute jump (FF 25 00000000 imm64) over its first 14 bytes; a thread suspended between byte 1 and 13 would be lost.
using System.Buffers.Binary;
using System.Runtime.Versioning;

namespace NativeLeak.Interop.Linux.Patching;

/// <summary>What an export is expected to look like.</summary>
internal enum ExportShape
{
    /// <summary>A wrapper of 10 bytes, padded to 16, that jumps on to one function.</summary>
    TailJump,

    /// <summary>A function of at least 14 bytes that sets up a frame and saves r15.</summary>
    FramedFunction,
}

/// <summary>Plans patches of exports; <see cref="CodePatch"/> carries them out.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe class ExportPatcher
{
    private const int TailJumpByteCount = 10;
    private const int TailJumpDisplacement = 6;
    private const int AbsoluteJumpByteCount = 14;

    private static ReadOnlySpan<byte> TailJumpPrologue => [0x55, 0x48, 0x89, 0xE5, 0x5D, 0xE9];
    private static ReadOnlySpan<byte> FramedPrologue => [0x55, 0x48, 0x89, 0xE5, 0x41, 0x57];

    /// <summary>Looks at a function and plans its redirection to <paramref name="stub"/>; changes nothing.</summary>
    /// <param name="address">Start of the function; 16 readable bytes.</param>
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

        // Safety: the caller vouches for 16 readable bytes.
        ReadOnlySpan<byte> code = new((void*)address, CodePatch.ByteCount);
        if (!HasShape(code, byteCount, shape, out reason))
        {
            return null;
        }

        Span<byte> replacement = stackalloc byte[CodePatch.ByteCount];
        code.CopyTo(replacement);
        if (shape == ExportShape.TailJump)
        {
            if (!IsInReach(address, stub))
            {
                reason = "no stub page within 2 GiB of it";
                return null;
            }

            BinaryPrimitives.WriteInt32LittleEndian(replacement[TailJumpDisplacement..], (int)Displacement(address, stub));
        }
        else
        {
            MachineCode.WriteJump(replacement, (nint)stub);
        }

        return new CodePatch(address, code, replacement, protection);
    }

    /// <summary>Whether a wrapper at <paramref name="address"/> can jump to <paramref name="stub"/>.</summary>
    public static bool IsInReach(nuint address, nuint stub)
        => Displacement(address, stub) == (int)Displacement(address, stub);

    private static long Displacement(nuint address, nuint stub) => (long)stub - (long)(address + TailJumpByteCount);

    /// <summary>Where a wrapper of shape <see cref="ExportShape.TailJump"/> jumps to; 0 for any other code.</summary>
    public static nuint TailJumpTarget(nuint address)
    {
        // Safety: the caller vouches for 16 readable bytes.
        ReadOnlySpan<byte> code = new((void*)address, CodePatch.ByteCount);
        return code.StartsWith(TailJumpPrologue)
            ? address + TailJumpByteCount + (nuint)BinaryPrimitives.ReadInt32LittleEndian(code[TailJumpDisplacement..])
            : 0;
    }

    /// <summary>Whether the code starts like a <see cref="ExportShape.FramedFunction"/>.</summary>
    public static bool IsFramedFunction(nuint address)
        => new ReadOnlySpan<byte>((void*)address, CodePatch.ByteCount).StartsWith(FramedPrologue); // Safety: as above

    private static bool HasShape(ReadOnlySpan<byte> code, nuint byteCount, ExportShape shape, out string reason)
    {
        bool isTailJump = shape == ExportShape.TailJump;
        ReadOnlySpan<byte> prologue = isTailJump ? TailJumpPrologue : FramedPrologue;
        nuint least = isTailJump ? TailJumpByteCount : (nuint)AbsoluteJumpByteCount;
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
