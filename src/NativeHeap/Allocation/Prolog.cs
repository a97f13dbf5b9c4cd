// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: reads the first instructions of a JIT-compiled method.
// Who calls it: FrameLearner, with the start of a method that is on the stack right now.
// The one idea: the JIT pushes RBP first if it makes a frame at all, and otherwise only pushes and one subtraction move
// the stack pointer; calls need RSP aligned to 16, so a size that is not 8 modulo 16 was misread.

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Prologs of RyuJIT on x64, System V convention.</summary>
internal static unsafe class Prolog
{
    // More than any prolog that matters: eight pushes, a vzeroupper and a subtraction.
    private const int MaximumByteCount = 48;

    /// <summary>Whether the code is the body of a method that replaces another on the stack and makes a frame of its own: it
    /// first loads and pushes what the replaced method saved of RBP (mov r64, [rbp+x]; push r64).</summary>
    /// <remarks>Safety: as for <see cref="ReadFrameSize"/>.</remarks>
    public static bool IsReplacement(byte* start)
    {
        if (start[0] != 0x48 || start[1] != 0x8B || (start[2] & 0x07) != 0x05 || start[2] >> 6 is not (1 or 2))
        {
            return false;
        }

        int next = start[2] >> 6 == 1 ? 4 : 7;
        return start[next] == 0x50 + (start[2] >> 3 & 7);
    }

    /// <summary>
    /// Bytes between RSP at a call and the return address, in units of 8, or <see cref="FrameSizes.Framed"/>.
    /// </summary>
    /// <remarks>Safety: <paramref name="start"/> must be the start of a compiled method of at least 64 bytes of mapped
    /// code after it, which the code heap's granularity grants.</remarks>
    public static int ReadFrameSize(byte* start)
    {
        byte* at = start;
        int size = 0;
        while (at < start + MaximumByteCount)
        {
            switch (at[0])
            {
                case 0x55:                                          // push rbp: a frame
                    return FrameSizes.Framed;
                case >= 0x50 and <= 0x57:                           // push r64
                    size += 8;
                    at += 1;
                    continue;
                case 0x41 when at[1] is >= 0x50 and <= 0x57:        // push r8 … r15
                    size += 8;
                    at += 2;
                    continue;
                case 0x48 when at[1] == 0x83 && at[2] == 0xEC:      // sub rsp, imm8
                    size += at[3];
                    at += 4;
                    continue;
                case 0x48 when at[1] == 0x81 && at[2] == 0xEC:      // sub rsp, imm32
                    size += *(int*)(at + 3);
                    at += 7;
                    continue;
                case 0xC5 when at[1] == 0xF8 && at[2] == 0x77:      // vzeroupper
                    at += 3;
                    continue;
                case 0x0F when at[1] == 0x1F && at[2] == 0x44:      // 5-byte nop
                    at += 5;
                    continue;
            }

            break;
        }

        return size % 16 == 8 && size / 8 < FrameSizes.ReplacedBit ? size / 8 : FrameSizes.Framed;
    }
}
