// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the places in a program that free, as sites.
// Who calls it: FreeGate on every free, before anything else.
// The one idea: which API freed is told by the call stack, but a stack is too dear for every free. Two return addresses,
// the runtime's P/Invoke method and its caller, tell a place; its stack is taken at first sight, while the block is still
// its owner's: looking makes the runtime allocate, and it would be given a block that is free already.
// Safety: the table is an allocation of ours that is never given back, indexed by masked hashes; a frame pointer is
// followed only inside the calling thread's stack.
using System.Numerics;
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>Places that free. Thread-safe; a known place costs a load and a compare, and writes nothing.</summary>
/// <remarks>
/// Where the two addresses do not reach the application's own code, the whole stack tells ("deep").
/// <code>
/// word:   63 … 24 hash of the two return addresses, 23 deep, 22 … 0 site
/// </code>
/// </remarks>
internal static unsafe class FreePlaces
{
    private const int TableBits = 12, TagShift = 24;
    private const ulong SiteMask = (1UL << 23) - 1, DeepBit = 1UL << 23, TagMask = ~((1UL << TagShift) - 1);
    private const int OuterRotation = 29; // moves the address's varying bits away from those of the other
    private const ulong Multiplier = 0x9E3779B97F4A7C15UL;

    private static ulong* s_table;
    private static int s_count;

    /// <summary>Reserves the table. False when the system refuses; idempotent, cold.</summary>
    public static bool Initialize()
    {
        s_table = s_table != null ? s_table : (ulong*)Platform.Pages.AllocatePrivate(sizeof(ulong) << TableBits);
        return s_table != null;
    }

    /// <summary>The site of the place that frees; a new place is looked at, which takes tens of microseconds.</summary>
    /// <param name="address">What is freed. If it has no record, nothing new is looked at: 0.</param>
    /// <param name="call">The call that frees.</param>
    /// <param name="isShort">Whether only the innermost frames of the site are this call's for certain.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Find(nuint address, in AllocationCall call, out bool isShort)
    {
        isShort = true;
        ulong hash = HashOf(in call);
        // Order: none; a word is complete in itself, and a wrong one does not match.
        ulong word = s_table[hash >> (64 - TableBits)];
        return ((word ^ (hash << TagShift)) & (TagMask | DeepBit)) == 0 && word != 0
            ? (uint)word & (uint)SiteMask
            : FindSlowly(address, in call, hash, out isShort);
    }

    /// <summary>Remembers a place for the calling thread, if the two addresses tell it and it is known.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Remember(ThreadBlock* thread, in AllocationCall call)
    {
        nuint outer = Outer(in call);
        ulong word = Lookup(HashOf(in call));
        if (outer != 0 && word != 0 && (word & DeepBit) == 0)
        {
            *ThreadBlock.PlaceOf(thread, call.ReturnAddress) = new FreePlace
            {
                ReturnAddress = call.ReturnAddress, Outer = outer, FramePointer = call.FramePointer, Site = word & SiteMask,
            };
        }
    }

    /// <summary>The site of the whole stack that frees; 0 if the address has no record.</summary>
    public static uint FindWhole(nuint address, in AllocationCall call)
        => !DetectorThread.IsInside && FreeJudge.HasRecord(address) ? SiteDepot.Intern(in call, StackWalker.StackEnd, out _) : 0;

    /// <summary>Looks at a place whatever it frees: the caller vouches that the block is in use.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Learn(in AllocationCall call, bool isWhole)
        => isWhole ? SiteDepot.Intern(in call, StackWalker.StackEnd, out _) : Learn(in call, HashOf(in call), out _);

    // Not the first of its hash, deep, or new. What frees while the detector works stays unknown: looking would not end.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint FindSlowly(nuint address, in AllocationCall call, ulong hash, out bool isShort)
    {
        ulong word = Lookup(hash);
        isShort = (word & DeepBit) == 0;
        return word != 0 && isShort ? (uint)(word & SiteMask)
            : DetectorThread.IsInside || !FreeJudge.HasRecord(address) ? 0
            : Learn(in call, hash, out isShort);
    }

    private static uint Learn(in AllocationCall call, ulong hash, out bool isShort)
    {
        uint site = SiteDepot.Intern(in call, StackWalker.StackEnd, out _);
        ulong word = Lookup(hash);
        if (word == 0)
        {
            bool isReached = SiteStackEnds.ReachesCaller(SiteDepot.GetStack(site), call.ReturnAddress, Outer(in call));
            word = (hash << TagShift) | (isReached ? 0 : DeepBit) | site;
            Add(hash, word);
        }

        isShort = (word & DeepBit) == 0;
        return site;
    }

    private static ulong Lookup(ulong hash)
    {
        for (ulong at = hash >> (64 - TableBits); ; at++)
        {
            // Order: a word is complete in itself; pairs with the exchange in Add.
            ulong word = Volatile.Read(ref s_table[at & ((1UL << TableBits) - 1)]);
            if (word == 0 || ((word ^ (hash << TagShift)) & TagMask) == 0)
            {
                return word;
            }
        }
    }

    // A full table forgets nothing and learns nothing: new places are then looked at each time.
    private static void Add(ulong hash, ulong word)
    {
        // Order: a bound, not exact.
        if (Volatile.Read(ref s_count) >= 1 << (TableBits - 1))
        {
            return;
        }

        for (ulong at = hash >> (64 - TableBits); ; at++)
        {
            // Order: publishes the word; pairs with Lookup.
            ulong before = Interlocked.CompareExchange(ref s_table[at & ((1UL << TableBits) - 1)], word, 0);
            if (before == 0 || ((before ^ word) & TagMask) == 0)
            {
                // Order: as above.
                _ = before == 0 ? Interlocked.Increment(ref s_count) : 0;
                return;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong HashOf(in AllocationCall call)
        => (call.ReturnAddress ^ BitOperations.RotateLeft(Outer(in call), OuterRotation)) * Multiplier;

    // The caller's return address, by its frame; 0 when the frame does not lie on this stack.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint Outer(in AllocationCall call)
    {
        nuint here = (nuint)(&here);
        nuint frame = call.FramePointer;
        return frame - here < StackWalker.StackEnd - here - (2 * (nuint)sizeof(nuint)) && (frame & 7) == 0
            ? ((nuint*)frame)[1]
            : 0;
    }
}
