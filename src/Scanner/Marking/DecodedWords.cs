// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: reads memory in which pointers are not written as plain addresses.
// Who calls it: RootScan for registered ranges, HintedBlocks for blocks, both after reading them plainly.
// The one idea: each word becomes the address it stands for, and goes the way of every word.
// Safety: memory is read fault-safely into a buffer of the child's own.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Annotations;

namespace NativeLeak.Marking;

/// <summary>Pointer decoders in the child (<see cref="PointerDecoder"/>).</summary>
[ChildCode]
internal static unsafe class DecodedWords
{
    private const nuint PageByteCount = 4096;

    /// <summary>Marks what the words of [start, end) stand for; form 0 reads nothing.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Scan(ChildState* state, nuint start, nuint end, uint form, nuint value)
    {
        DecoderForm kind = (DecoderForm)(byte)form;
        nuint width = kind == DecoderForm.Offset32 ? 4u : 8u;
        start = (start + Marker.Stride - 1) & ~(Marker.Stride - 1);
        while (kind != DecoderForm.None && start < end && end - start >= width)
        {
            state->View->Progress++;
            nuint want = end - start < state->SafeBufferByteCount ? end - start : state->SafeBufferByteCount;
            nint got = Peek.CopyMarked(state, start, state->SafeBuffer, (nint)want);
            nuint read = got < 0 ? 0 : (nuint)got;
            for (nuint at = 0; at + width <= read; at += Marker.Stride)
            {
                nuint word = width == 4 ? *(uint*)(state->SafeBuffer + at) : *(nuint*)(state->SafeBuffer + at);
                nuint address = Decode(kind, (int)(form >> 8), value, word);
                if (address != 0)
                {
                    Marker.ScanWord(state, address, start + at);
                }
            }

            // A hole was counted when the memory was read plainly: go on behind its page. Else overlap by half a word.
            start = read == want ? start + (want == state->SafeBufferByteCount ? want - Marker.Stride : want)
                : ((start + read) & ~(PageByteCount - 1)) + PageByteCount;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint Decode(DecoderForm form, int shift, nuint value, nuint word) => form switch
    {
        _ when word == 0 => 0,
        DecoderForm.Mask => word & ~value,
        DecoderForm.Xor => word ^ value,
        _ => ~value + (word << shift),
    };
}
