// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how far it is from a call to the caller's own return address, for methods that the JIT gave no frame.
// Who calls it: StackWalker looks up, FrameLearner fills.
// The one idea: optimised methods with a single call keep no RBP frame, so a plain walk skips their caller and two
// different callers look the same; with the size known the walk is exact. Where walks end is kept in the same word.
// Everything not in the table has a frame.
// Safety: the table is one allocation of fixed size; every index is masked to it.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Return address → bytes of stack between the call and the caller's return address. Lock-free.</summary>
/// <remarks>
/// One word per entry: bits 16–63 the return address, bits 0–15 the size in units of 8 bytes, from RSP, or from RBP with
/// <see cref="ReplacedBit"/>, or <see cref="Framed"/>
/// for an address whose code was replaced by a method that has a frame, or <see cref="End"/>. 32,768 words, at most
/// half full.
/// </remarks>
internal static unsafe class FrameSizes
{
    /// <summary>What <see cref="Find"/> answers for a method with a frame of its own.</summary>
    public const int Framed = 0xFFFF;

    /// <summary>What <see cref="Find"/> answers where a walk must end: the outermost frame that is worth a place, and code
    /// that loses its caller (native code without frame pointers).</summary>
    public const int End = 0xFFFE;

    /// <summary>Set in the size of a method that replaced another on the stack: it has a frame that saves its caller's RBP,
    /// but the return address lies above the frame of the method it replaced, so many words above RBP.</summary>
    public const int ReplacedBit = 0x8000;

    private const int TableBits = 15;
    private const int Capacity = 1 << (TableBits - 1);
    private const ulong TableMask = (1UL << TableBits) - 1;
    private const int AddressShift = 16;

    private static ulong* s_table;
    private static int s_count;
    private static int* s_version;

    /// <summary>Return addresses known to lie in methods without a frame.</summary>
    // Order: a statistic.
    public static int Count => Volatile.Read(ref s_count);

    /// <summary>Changes with every change of the table: what was learned with an older version may not hold.</summary>
    // Order: acquires what the change it counts wrote; pairs with the increment in Set. A version read before a walk is
    // at most too old for what the walk then saw.
    public static int Version
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => s_version == null ? 0 : Volatile.Read(ref *s_version);
    }

    /// <summary>Where <see cref="Version"/> is kept, for machine code.</summary>
    public static int* VersionAddress => s_version;

    /// <summary>Whether nothing more can be learned.</summary>
    public static bool IsFull => Count >= Capacity;

    /// <summary>
    /// Reserves the table. False when the system refuses: then every method counts as framed. Idempotent.
    /// </summary>
    public static bool Initialize()
    {
        if (s_table == null)
        {
            // A page more: the version, where machine code can read it.
            nuint page = Platform.Pages.PageByteCount;
            nuint address = Platform.Pages.AllocatePrivate((sizeof(ulong) << TableBits) + page);
            s_version = (int*)(address == 0 ? 0 : address + (sizeof(ulong) << TableBits));
            s_table = (ulong*)address;
        }

        return s_table != null;
    }

    /// <summary>Size in units of 8 bytes, or <see cref="Framed"/>. Pre: <see cref="Initialize"/> succeeded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Find(nuint returnAddress)
    {
        for (ulong at = Hash(returnAddress); ; at++)
        {
            // Order: one word holds all, so any value of it is consistent.
            ulong word = Volatile.Read(ref s_table[at & TableMask]);
            if (word == 0)
            {
                return Framed;
            }

            if (word >> AddressShift == returnAddress)
            {
                return (ushort)word;
            }
        }
    }

    /// <summary>Remembers what the code at an address is like now. Framed methods take no room.</summary>
    public static void Set(nuint returnAddress, int size)
    {
        for (ulong at = Hash(returnAddress); ; at++)
        {
            ulong* word = s_table + (at & TableMask);
            // Order: only the start; the compare-exchange decides.
            ulong seen = Volatile.Read(ref *word);
            if (seen == 0)
            {
                if (size == Framed || Count >= Capacity)
                {
                    return;
                }

                // Order: one winner per word; a loser looks at what won.
                seen = Interlocked.CompareExchange(ref *word, Pack(returnAddress, size), 0);
                if (seen == 0)
                {
                    // Order: bounds the table; then the version, after the word.
                    Interlocked.Increment(ref s_count);
                    Interlocked.Increment(ref *s_version);
                    return;
                }
            }

            if (seen >> AddressShift == returnAddress)
            {
                // Order: the address's code may have been replaced; the last one to look is right.
                Volatile.Write(ref *word, Pack(returnAddress, size));
                // Order: after the word; pairs with Version.
                Interlocked.Increment(ref *s_version);
                return;
            }
        }
    }

    private static ulong Pack(nuint returnAddress, int size) => ((ulong)returnAddress << AddressShift) | (ushort)size;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Hash(nuint returnAddress) => (returnAddress * 0x9E3779B97F4A7C15UL) >> (64 - TableBits);
}
