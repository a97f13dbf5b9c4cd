// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the lock of all that a hook may call: one word, held for a few instructions.
// Who calls it: record stripes, the slab carver, the lists of own memory and of registered roots.
// The one idea: Monitor may allocate and parks in managed code; a hook may do neither. A holder never calls out.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop;

/// <summary>Holds a spin lock from <see cref="Enter"/> to Dispose. Not reentrant.</summary>
internal readonly ref struct SpinScope
{
    private readonly ref int _word;

    private SpinScope(ref int word) => _word = ref word;

    /// <summary>Takes the lock, spinning and yielding while another thread has it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SpinScope Enter(ref int word)
    {
        // Order: acquire, full fence; pairs with the release in Dispose.
        if (Interlocked.Exchange(ref word, 1) != 0)
        {
            Wait(ref word);
        }

        return new SpinScope(ref word);
    }

    /// <summary>Releases the lock.</summary>
    // Order: releases the writes made under the lock; pairs with the exchange of the next holder.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Dispose() => Volatile.Write(ref _word, 0);

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
