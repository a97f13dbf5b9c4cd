// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: from a call to the site of its stack, as it nearly always goes: the stack is known.
// Who calls it: AllocationRecorder, inlined into every recorded allocation; tests and benchmarks.
// The one idea: a stack that is as it was at the thread's last allocation is recalled (WalkMemo), one that differs from it
// only in where frames return to is hashed by the difference; else it is walked and hashed without its addresses being
// stored; only a new one is walked again for them.
// Safety: as in SiteDepot; a memo is written by its thread only.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

internal static unsafe partial class SiteDepot
{
    /// <summary>The site of a stack. Known: about 1 ns per frame. New: a microsecond when all its addresses are known, else
    /// one StackTrace, tens of microseconds.</summary>
    /// <param name="call">As for <see cref="StackWalker.Walk"/>.</param>
    /// <param name="stackEnd">As for <see cref="StackWalker.Walk"/>.</param>
    /// <param name="flags">Flags that every block of this site carries.</param>
    public static uint Intern(in AllocationCall call, nuint stackEnd, out BlockFlags flags)
    {
        uint word = Intern(in call, stackEnd, ThreadNumbers.Current);
        flags = FlagsOf(word);
        return word & (uint)IdMask;
    }

    /// <summary>As the other; in one word, to be taken apart by <see cref="SiteOf"/> and <see cref="FlagsOf"/>.</summary>
    /// <param name="call">As for <see cref="StackWalker.Walk"/>.</param>
    /// <param name="stackEnd">As for <see cref="StackWalker.Walk"/>.</param>
    /// <param name="thread">Number of the calling thread, or 0.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Intern(in AllocationCall call, nuint stackEnd, ushort thread)
    {
        WalkMemo* memo = WalkMemo.Of(thread);
        uint known = memo == null ? 0 : WalkMemo.Recall(memo, in call, stackEnd);
        // By value: a call whose address is taken would live on the stack.
        return known != 0 ? known : InternWalked(call.FramePointer, call.ReturnAddress, call.StackPointer, stackEnd, memo);
    }

    /// <summary>Whether a word of the other is a site's alone, without flags; false for 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsPlain(uint word) => word - 1 < (uint)IdMask;

    /// <summary>The site in a word of <see cref="Intern(in AllocationCall, nuint, ushort)"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint SiteOf(uint word) => word & (uint)IdMask;

    /// <summary>The flags that every block of that site carries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static BlockFlags FlagsOf(uint word) => (BlockFlags)((word & (uint)BstrBit) >> 25);

    /// <summary>As the other, for a stack that is not the thread's last: the walk is made.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint InternWalked(
        nuint framePointer, nuint returnAddress, nuint stackPointer, nuint stackEnd, WalkMemo* memo)
    {
        AllocationCall call = new(framePointer, returnAddress, stackPointer);
        if (memo != null && IsBelow(in call) && WalkMemo.TryPatch(memo, in call, stackEnd, s_depth, out ulong patched))
        {
            uint site = Find(patched, in call, stackEnd, out bool isKnown);
            WalkMemo.Renew(memo, isKnown ? site : 0);
            return site;
        }

        memo = memo != null && WalkMemo.IsWorthwhile(memo) ? memo : null;
        ulong hash = memo == null
            ? StackWalker.Hash(in call, stackEnd, s_depth) : StackWalker.Hash(in call, stackEnd, s_depth, memo);
        uint found = Find(hash, in call, stackEnd, out bool isFound);
        if (memo != null && isFound)
        {
            WalkMemo.Finish(memo, found);
        }

        return found;
    }

    // Whether the walk starts above our own frame.
    private static bool IsBelow(in AllocationCall call)
    {
        nuint here;
        return (call.StackPointer != 0 ? call.StackPointer : call.FramePointer) > (nuint)(&here);
    }

    // The site of a stack by its hash; if it is not known, or may be another one by now, the slow way.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Find(ulong hash, in AllocationCall call, nuint stackEnd, out bool isKnown)
    {
        ulong wanted = (hash & TagMask) | NamedBit;
        for (ulong at = hash; ; at++)
        {
            // Order: acquires the site's entry; pairs with the compare-exchange in FindOrAdd.
            ulong word = Volatile.Read(ref s_table[at & TableMask]);
            if ((word & (TagMask | NamedBit | FleetingBit | DeadBit)) == wanted)
            {
                isKnown = true;
                return (uint)(word & (IdMask | BstrBit));
            }

            if (word == 0 || ((word ^ wanted) & TagMask) == 0)
            {
                isKnown = false;
                uint site = InternSlow(in call, stackEnd, out BlockFlags flags);
                return site | ((uint)flags << 25);
            }
        }
    }
}
