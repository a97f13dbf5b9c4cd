// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Roots;

/// <summary>One registered range. 32 bytes, so that none crosses a cache line.</summary>
/// <remarks>
/// <code>
/// offset  0          8          16              20           24            32
///         ┌──────────┬──────────┬───────────────┬────────────┬─────────────┐
///         │ start    │ end      │ registrations │ form       │ value       │   of the decoder
///         └──────────┴──────────┴───────────────┴────────────┴─────────────┘
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal struct RootEntry
{
    /// <summary>Size of an entry in bytes.</summary>
    public const int ByteCount = 32;

    /// <summary>First byte.</summary>
    [FieldOffset(0)] public nuint Start;

    /// <summary>Behind the last byte.</summary>
    [FieldOffset(8)] public nuint End;

    /// <summary>How often the range is registered.</summary>
    [FieldOffset(16)] public int Registrations;

    /// <summary>How pointers in it are written beside plainly: a <see cref="PointerDecoder"/>.</summary>
    [FieldOffset(20)] public uint DecoderForm;

    /// <summary>The other half of the decoder.</summary>
    [FieldOffset(24)] public nuint DecoderValue;
}
