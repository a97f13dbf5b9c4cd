// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Annotations;

/// <summary>One thing that is known of one block beside its record. 32 bytes, so that none crosses a cache line.</summary>
/// <remarks>
/// <code>
/// offset  0          8                            16         24         32
///         ┌──────────┬────────┬──────┬────────────┬──────────┬──────────┐
///         │ address  │ kind 8 │  10  │ ordinal 46 │ first    │ second   │
///         └──────────┴────────┴──────┴────────────┴──────────┴──────────┘
/// </code>
/// The address is the publish word: it is written last. 0 is a slot that was never used, 1 one that is free again. The
/// ordinal tells the block from an earlier one at the same address.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
[ChildCode]
internal struct BlockAnnotation
{
    /// <summary>Size of an annotation in bytes.</summary>
    public const int ByteCount = 32;

    /// <summary>The address of a slot that is free again.</summary>
    public const nuint FreeAgain = 1;

    private const int KindShift = 56;

    /// <summary>Start of the block.</summary>
    [FieldOffset(0)] public nuint Address;

    /// <summary>Ordinal and kind: see <see cref="KeyOf"/>.</summary>
    [FieldOffset(8)] public ulong Key;

    /// <summary>What the kind says.</summary>
    [FieldOffset(16)] public ulong First;

    /// <summary>What the kind says.</summary>
    [FieldOffset(24)] public ulong Second;

    /// <summary>What it says about the block.</summary>
    public readonly AnnotationKind Kind
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (AnnotationKind)(Key >> KindShift);
    }

    /// <summary>The block's ordinal.</summary>
    public readonly ulong Ordinal
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Key & ((1ul << KindShift) - 1);
    }

    /// <summary>Ordinal and kind in one word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong KeyOf(ulong ordinal, AnnotationKind kind) => ordinal | ((ulong)kind << KindShift);

    /// <summary>Where the search for a block's annotations begins (Fibonacci hashing, Knuth vol. 3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Hash(nuint address) => (address * 0x9E3779B97F4A7C15UL) >> 24;
}
