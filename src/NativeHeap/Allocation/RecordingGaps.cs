// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what the recorder did not record, and why: stretches without recording, and the end of recording.
// Who calls it: AllocationRecorder when it takes no block; reports.
// The one idea: a table with holes may be read but not believed, so each hole is counted where it arises and named in
// every later report.
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Blocks that were not recorded. Thread-safe; counting makes no GC memory.</summary>
internal static class RecordingGaps
{
    private const int StripeCount = 64;
    private const int LongsPerStripe = 16; // 128 bytes: no two threads' counters share a line

    // Missed while stopped at 0, missed after the end at 1 of each stripe. Made here, so that counting makes nothing.
    private static long[] s_missed = [];
    private static int s_stopCount;
    private static int s_isSwitchedOff;
    private static uint s_switchedOffTick;

    /// <summary>How often recording was stopped by code.</summary>
    // Order: a statistic.
    public static int StopCount => Volatile.Read(ref s_stopCount);

    /// <summary>Whether recording ended for good, because metadata memory could not be had.</summary>
    // Order: acquires the tick; pairs with the write in SwitchOff.
    public static bool IsSwitchedOff => Volatile.Read(ref s_isSwitchedOff) == 2;

    /// <summary>When recording ended; meaningful once <see cref="IsSwitchedOff"/>.</summary>
    public static uint SwitchedOffTick => s_switchedOffTick;

    /// <summary>Blocks allocated while recording was stopped.</summary>
    public static long MissedWhileStopped => Sum(0);

    /// <summary>Blocks allocated after recording ended; those whose refusal ended it are counted by the table.</summary>
    public static long MissedAfterEnd => Sum(1);

    /// <summary>Makes the counters. Idempotent, cold.</summary>
    public static void Initialize()
    {
        if (s_missed.Length == 0)
        {
            s_missed = new long[StripeCount * LongsPerStripe];
        }
    }

    /// <summary>Counts a block that is not recorded.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void CountMissed()
    {
        long[] missed = s_missed;
        int at = ((ThreadNumbers.Current & (StripeCount - 1)) * LongsPerStripe) + (IsSwitchedOff ? 1 : 0);
        if (at < missed.Length)
        {
            // Order: a statistic.
            Interlocked.Increment(ref missed[at]);
        }
    }

    /// <summary>Notes that code stopped recording.</summary>
    // Order: a statistic.
    public static void NoteStop() => Interlocked.Increment(ref s_stopCount);

    /// <summary>Notes the end of recording. The first call counts.</summary>
    public static void SwitchOff()
    {
        // Order: one thread writes the tick; the others' blocks are counted as those of the end a moment later.
        if (Interlocked.CompareExchange(ref s_isSwitchedOff, 1, 0) == 0)
        {
            s_switchedOffTick = CoarseClock.NowTicks;
            // Order: publishes the tick; pairs with IsSwitchedOff.
            Volatile.Write(ref s_isSwitchedOff, 2);
        }
    }

    private static long Sum(int kind)
    {
        long sum = 0;
        for (int at = kind; at < s_missed.Length; at += LongsPerStripe)
        {
            // Order: a statistic.
            sum += Volatile.Read(ref s_missed[at]);
        }

        return sum;
    }
}
