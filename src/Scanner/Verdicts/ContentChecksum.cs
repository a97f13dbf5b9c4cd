// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a number that changes when the content of a lost block does.
// Who calls it: Classifier, in the child, for scheduled scans.
// The one idea: kmemleak's checksum: a block that somebody still writes to is in use, whatever the marking says.
// Safety: the block is copied first, into a buffer of the child's own, by what knows how it may be read.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;

namespace NativeLeak.Verdicts;

/// <summary>Checksums of blocks.</summary>
[ChildCode]
internal static unsafe class ContentChecksum
{
    // The 64-bit golden ratio: odd, its bits spread by any multiplication.
    private const ulong Multiplier = 0x9E37_79B9_7F4A_7C15;

    /// <summary>The checksum of a block's readable bytes, from its start to the first byte that cannot be read. Every byte
    /// counts. Some 5 GB/s, and one system call for each 256 KiB.</summary>
    [MethodImpl(ChildCode.Options)]
    public static ulong Of(ChildState* state, nuint address, nuint byteCount)
    {
        ulong sum = byteCount;
        for (nuint at = 0; at < byteCount;)
        {
            nuint wanted = byteCount - at < state->SafeBufferByteCount ? byteCount - at : state->SafeBufferByteCount;
            nint got = Peek.CopyMarked(state, address + at, state->SafeBuffer, (nint)wanted);
            if (got <= 0)
            {
                break;
            }

            sum = Add(sum, state->SafeBuffer, got);
            at += (nuint)got;
            state->View->Progress++;
            if ((nuint)got < wanted)
            {
                break;
            }
        }

        return sum;
    }

    [MethodImpl(ChildCode.Options)]
    private static ulong Add(ulong sum, byte* bytes, nint count)
    {
        nint at = 0;
        for (; at + sizeof(ulong) <= count; at += sizeof(ulong))
        {
            sum = (sum ^ Unsafe.ReadUnaligned<ulong>(bytes + at)) * Multiplier;
            sum ^= sum >> 29;
        }

        for (; at < count; at++)
        {
            sum = (sum ^ bytes[at]) * Multiplier;
            sum ^= sum >> 29;
        }

        return sum;
    }
}
