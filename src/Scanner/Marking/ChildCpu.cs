// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: a prefetch may name any address: it never faults.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using NativeLeak.Interop;

namespace NativeLeak.Marking;

/// <summary>Single instructions for child code, each with a way without it. The base class library's own ways without are
/// calls, which nobody prepared for the child.</summary>
[ChildCode]
internal static unsafe class ChildCpu
{
    /// <summary>Asks for the cache line of an address, without waiting.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }

    /// <summary>Tells the processor that this is a loop that waits for another thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pause()
    {
        if (X86Base.IsSupported)
        {
            X86Base.Pause();
        }
    }

    /// <summary>How many bits are set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int CountBits(ulong bits)
    {
        if (Popcnt.X64.IsSupported)
        {
            return (int)Popcnt.X64.PopCount(bits);
        }

        // Sums of 2, 4 and 8 bits, then of all bytes (Hacker's Delight, 5–2).
        bits -= (bits >> 1) & 0x5555_5555_5555_5555;
        bits = (bits & 0x3333_3333_3333_3333) + ((bits >> 2) & 0x3333_3333_3333_3333);
        return (int)((((bits + (bits >> 4)) & 0x0F0F_0F0F_0F0F_0F0F) * 0x0101_0101_0101_0101) >> 56);
    }

    /// <summary>The number of the lowest bit that is set; <paramref name="bits"/> is not 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LowestBit(ulong bits)
        => Bmi1.X64.IsSupported ? (int)Bmi1.X64.TrailingZeroCount(bits) : CountBits((bits & (0 - bits)) - 1);

    /// <summary>The highest bit that is set, alone; <paramref name="bits"/> is not 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong HighestBitOf(ulong bits)
    {
        if (Lzcnt.X64.IsSupported)
        {
            return 1UL << (63 - (int)Lzcnt.X64.LeadingZeroCount(bits));
        }

        // All bits below the highest are set as well, and then it alone is left.
        bits |= bits >> 1;
        bits |= bits >> 2;
        bits |= bits >> 4;
        bits |= bits >> 8;
        bits |= bits >> 16;
        bits |= bits >> 32;
        return bits ^ (bits >> 1);
    }
}
