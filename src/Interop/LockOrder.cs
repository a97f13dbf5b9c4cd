// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the check that every thread takes our spin locks in the order of their ranks.
// Who calls it: SpinScope and EpochDomain in Debug builds, at every lock and every guard; tests, directly.
// The one idea: one bit per rank in a word of the thread; a lock may be taken only above the highest bit.
using System.Diagnostics;
using System.Numerics;

namespace NativeLeak.Interop;

/// <summary>What the calling thread holds. Legal in hooks: no GC memory unless the order is broken.</summary>
internal static class LockOrder
{
    [ThreadStatic]
    private static uint t_held;

    /// <summary>The highest rank the calling thread holds; 0 when it holds none.</summary>
    public static LockRank Highest => t_held == 0 ? 0 : (LockRank)BitOperations.Log2(t_held);

    /// <summary>Notes that a lock is about to be taken. False, and nothing noted, when that breaks the order.</summary>
    public static bool TryEnter(LockRank rank)
    {
        if (rank <= Highest)
        {
            return false;
        }

        t_held |= 1u << (int)rank;
        return true;
    }

    /// <summary>Notes that a lock was given back. False when it was not held.</summary>
    public static bool TryExit(LockRank rank)
    {
        uint bit = 1u << (int)rank;
        bool wasHeld = (t_held & bit) != 0;
        t_held &= ~bit;
        return wasHeld;
    }

    /// <summary>Debug builds stop here when the order is broken.</summary>
    [Conditional("DEBUG")]
    public static void Enter(LockRank rank)
    {
        LockRank highest = Highest;
        if (!TryEnter(rank))
        {
            Debug.Fail($"lock order: a lock of rank {rank} is taken while one of rank {highest} is held");
        }
    }

    /// <summary>The other half of <see cref="Enter"/>.</summary>
    [Conditional("DEBUG")]
    public static void Exit(LockRank rank)
    {
        if (!TryExit(rank))
        {
            Debug.Fail($"lock order: a lock of rank {rank} is given back that was not held");
        }
    }

    /// <summary>Debug builds stop when a reader enters a guard, or anything else that must not, under a lock of ours.</summary>
    [Conditional("DEBUG")]
    public static void AssertNoneHeld()
    {
        if (Highest != 0)
        {
            Debug.Fail($"lock order: a guard is entered while a lock of rank {Highest} is held");
        }
    }
}
