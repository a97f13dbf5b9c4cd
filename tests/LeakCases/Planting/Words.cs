// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace LeakCases.Planting;

/// <summary>Words in native memory, and addresses that no scanner can recognise.</summary>
internal static unsafe class Words
{
    /// <summary>Writes an address into a word of a block.</summary>
    public static void Point(nint block, int wordIndex, nint target) => ((nint*)block)[wordIndex] = target;

    /// <summary>The address in a form that is nobody's address.</summary>
    public static nuint Hide(nint address) => ~(nuint)address;

    /// <summary>Writes the plain address of a hidden one, leaving no copy in the caller's frame.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Reveal(nuint hidden, nint* slot) => *slot = (nint)~hidden;

    /// <summary>The plain address again, for holders that take it by value.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint Reveal(nuint hidden) => (nint)~hidden;
}
