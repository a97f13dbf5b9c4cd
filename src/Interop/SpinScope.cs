// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the lock of all that a hook may call: one word, held for a few instructions.
// Who calls it: record stripes, the slab carver, the lists of own memory and of registered roots.
// The one idea: Monitor may allocate and parks in managed code; a hook may do neither. A holder never calls out.
// Debug builds check the order of locks at every Enter (LockOrder); Release builds carry nothing of it.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop;

/// <summary>Holds a spin lock from <see cref="Enter"/> to Dispose. Not reentrant.</summary>
internal readonly ref struct SpinScope
{
    private readonly ref int _word;
#if DEBUG
    private readonly LockRank _rank;
#endif

    private SpinScope(ref int word, LockRank rank)
    {
        _word = ref word;
#if DEBUG
        _rank = rank;
#endif
    }

    /// <summary>Takes the lock, spinning and yielding while another thread has it.</summary>
    /// <param name="word">The lock; 0 = free.</param>
    /// <param name="rank">Its place in the lock order.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SpinScope Enter(ref int word, LockRank rank = LockRank.Leaf)
    {
        LockOrder.Enter(rank);
        // Order: acquire, full fence; pairs with the release in Dispose.
        if (Interlocked.Exchange(ref word, 1) != 0)
        {
            Wait(ref word);
        }

        return new SpinScope(ref word, rank);
    }

    /// <summary>Releases the lock.</summary>
    // Order: releases the writes made under the lock; pairs with the exchange of the next holder.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Dispose()
    {
        Volatile.Write(ref _word, 0);
#if DEBUG
        LockOrder.Exit(_rank);
#endif
    }

    /// <summary>As Dispose, where the lock is given back in another method than it was taken in.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Release(ref int word, LockRank rank) => new SpinScope(ref word, rank).Dispose();

    // A holder can be suspended by the GC inside its few instructions; the spinner is managed code and stops with it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Wait(ref int word)
    {
        SpinWait spin = default;
        do
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
        // Order: the exchange acquires, as in Enter; the read before it only keeps the line shared while waiting.
        while (Volatile.Read(ref word) != 0 || Interlocked.Exchange(ref word, 1) != 0);
    }
}
