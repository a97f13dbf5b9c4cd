// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>
/// A small number for every thread that allocates, so that a record can name it in 14 bits, and so that it has a stripe of its own
/// in the record table. Thread-safe.
/// </summary>
internal static class ThreadNumbers
{
    private static ThreadNumberTable? s_table;

    /// <summary>
    /// Number of the calling thread, from 1; 0 before <see cref="Initialize"/> or when all numbers are taken.
    /// </summary>
    public static ushort Current
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            ushort number = ThreadState.Number;
            return number != 0 ? number : Assign();
        }
    }

    /// <summary>Reserves the table of names. False when the system refuses; idempotent, cold.</summary>
    public static bool Initialize()
    {
        // Order: acquires the table; pairs with the compare-exchange below.
        if (Volatile.Read(ref s_table) is null)
        {
            // Order: publishes a complete table; the first one wins, a second one is only address space.
            ThreadNumberTable? table = ThreadNumberTable.TryCreate(Platform.Pages, ThreadNumberTable.MaximumCount);
            Interlocked.CompareExchange(ref s_table, table, null);
        }

        return s_table is not null;
    }

    /// <summary>What is known of a thread: its native id and its name when it first allocated. Never null.</summary>
    public static string Describe(ushort number)
        => s_table is { } table ? table.Describe(number) : "unknown thread";

    // No GC memory here: the first allocation of a thread may come from anywhere.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ushort Assign()
    {
        if (s_table is not { } table)
        {
            return 0;
        }

        ushort number = table.Assign();
        ThreadState.Number = number;
        // Two, so that the number of those nobody inherited from yet goes down.
        for (int i = 0; i < 2 && number != 0 && table.TryClaimEnded(out ushort ended); i++)
        {
            RecordTable.Inherit(ended, number);
            table.EndClaim(ended);
        }

        return number;
    }
}
