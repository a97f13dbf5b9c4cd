// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop;

/// <summary>A half-open range of addresses: <see cref="Start"/> inclusive, <see cref="End"/> exclusive.</summary>
/// <remarks>Blittable (16 bytes), so arrays of it in native memory are read in the parked world and in the child.</remarks>
[ChildCode]
internal readonly record struct MemoryRange(nuint Start, nuint End)
{
    /// <summary>Bytes covered; 0 when the range is empty or inverted.</summary>
    public nuint ByteCount
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => End > Start ? End - Start : 0;
    }

    /// <summary>Whether <paramref name="address"/> lies in the range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(nuint address) => address - Start < ByteCount;

    /// <summary>Whether the two ranges share at least one byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Overlaps(MemoryRange other) => Start < other.End && other.Start < End;
}
