// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: threads that allocate and free all the time while the detector is started, stopped and started again.
// Who calls it: LevelTests.
// The one idea: a phase is read before and after each call, so that of every block it is known whether it must have been seen,
// cannot have been, or may have been: what the counters may say lies between two numbers.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.ExitApps;

/// <summary>Starts racing with allocations and frees; all blocks are freed at the end.</summary>
internal static unsafe class StartRace
{
    private const int Threads = 6, Held = 32, CallsPerPhase = 300;

    // Four phases a round: 0 not recording, 1 starting, 2 recording, 3 stopping.
    private static int s_phase;
    private static long s_calls;

    private sealed class Tally
    {
        public long SurelyRecorded, MaybeRecorded, SurelyUnknown, MaybeUnknown;
    }

    private struct Block
    {
        public nint Address;
        public bool SurelyRecorded, SurelyMissed;
    }

    /// <summary>Starts the detector <paramref name="starts"/> times.</summary>
    public static void Run(int starts, LeakDetectorOptions options)
    {
        Tally[] tallies = [.. Enumerable.Range(0, Threads).Select(static _ => new Tally())];
        Thread[] threads = [.. tallies.Select((tally, lane) => new Thread(() => Work(lane, tally)))];
        Array.ForEach(threads, static thread => thread.Start());
        for (int i = 0; i < starts; i++)
        {
            WaitForCalls();
            Enter(1);
            LeakDetector.Start(options);
            Enter(2);
            WaitForCalls();
            if (i < starts - 1)
            {
                Enter(3);
                LeakDetector.Stop();
                Enter(0);
            }
        }

        Volatile.Write(ref s_phase, -1);
        Array.ForEach(threads, static thread => thread.Join());
        RecordCounters counters = RecordTable.Counters;
        Tally all = new();
        foreach (Tally tally in tallies)
        {
            all.SurelyRecorded += tally.SurelyRecorded;
            all.MaybeRecorded += tally.MaybeRecorded;
            all.SurelyUnknown += tally.SurelyUnknown;
            all.MaybeUnknown += tally.MaybeUnknown;
        }

        bool isRecordedExplained = counters.Allocated >= all.SurelyRecorded
            && counters.Allocated <= all.SurelyRecorded + all.MaybeRecorded;
        bool isUnknownExplained = counters.UnknownFrees >= all.SurelyUnknown
            && counters.UnknownFrees <= all.SurelyUnknown + all.MaybeUnknown;
        Console.WriteLine($"live={counters.LiveBlocks} bytes={counters.LiveBytes} balanced={counters.Allocated == counters.Freed} "
            + $"recorded={isRecordedExplained} unknown={isUnknownExplained} raced={all.MaybeRecorded + all.MaybeUnknown > 0}");
        Console.WriteLine($"allocated={counters.Allocated} of {all.SurelyRecorded}…{all.SurelyRecorded + all.MaybeRecorded}, "
            + $"unknown={counters.UnknownFrees} of {all.SurelyUnknown}…{all.SurelyUnknown + all.MaybeUnknown}");
    }

    private static void Enter(int phase)
    {
        // Order: between the calls that the phase is about; pairs with the reads in Work.
        Interlocked.Exchange(ref s_phase, (s_phase & ~3) + phase + (phase == 0 ? 4 : 0));
    }

    private static void WaitForCalls()
    {
        // Order: a count to wait for.
        long target = Interlocked.Read(ref s_calls) + CallsPerPhase;
        while (Interlocked.Read(ref s_calls) < target)
        {
            Thread.Yield();
        }
    }

    private static void Work(int lane, Tally tally)
    {
        Block[] held = new Block[Held];
        for (int i = 0; Volatile.Read(ref s_phase) >= 0; i++)
        {
            Free(ref held[i % Held], lane, tally);
            held[i % Held] = Allocate(lane + i, tally);
            Interlocked.Increment(ref s_calls);
        }

        for (int i = 0; i < Held; i++)
        {
            Free(ref held[i], lane, tally);
        }
    }

    // After the end (phase −1) the detector still records: as phase 2.
    private static int Phase() => Volatile.Read(ref s_phase) is var phase and >= 0 ? phase : int.MaxValue - 1;

    private static Block Allocate(int number, Tally tally)
    {
        int before = Phase();
        Block block = default;
        block.Address = (number % 3) switch
        {
            0 => (nint)NativeMemory.Alloc((nuint)(16 + (number % 500))),
            1 => Marshal.AllocHGlobal(40),
            _ => (nint)NativeMemory.AllocZeroed(24),
        };
        int after = Phase();
        bool isOneTime = (before & ~3) == (after & ~3) || after == int.MaxValue - 1;
        block.SurelyRecorded = isOneTime && (before & 3) == 2 && (after & 3) == 2;
        block.SurelyMissed = before == after && (before & 3) == 0;
        tally.SurelyRecorded += block.SurelyRecorded ? 1 : 0;
        tally.MaybeRecorded += block.SurelyRecorded || block.SurelyMissed ? 0 : 1;
        return block;
    }

    private static void Free(ref Block block, int lane, Tally tally)
    {
        if (block.Address == 0)
        {
            return;
        }

        int before = Phase();
        if (lane % 2 == 0)
        {
            NativeMemory.Free((void*)block.Address);
        }
        else
        {
            Marshal.FreeHGlobal(block.Address);
        }

        // From the return of the first start on every free is seen; none is before it begins.
        bool isSurelySeen = before >= 2, isSurelyUnseen = Phase() == 0;
        bool isSurelyUnknown = block.SurelyMissed && isSurelySeen;
        tally.SurelyUnknown += isSurelyUnknown ? 1 : 0;
        tally.MaybeUnknown += isSurelyUnknown || block.SurelyRecorded || isSurelyUnseen ? 0 : 1;
        block = default;
    }
}
