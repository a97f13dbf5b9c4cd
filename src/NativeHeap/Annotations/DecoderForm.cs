// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Annotations;

/// <summary>How a <see cref="PointerDecoder"/> gets from a word to an address.</summary>
internal enum DecoderForm : byte
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>word and not value.</summary>
    Mask,

    /// <summary>word exclusive-or value.</summary>
    Xor,

    /// <summary>not value + (32 bits shifted left).</summary>
    Offset32,

    /// <summary>not value + (64 bits shifted left).</summary>
    Offset64,
}
