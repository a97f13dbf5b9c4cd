// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: programs that lose a block under the real detector and tell in which of its scheduled scans it was reported.
// Who calls it: the tests of the life-cycle of a finding.
// The one idea: everything is told in scans, not in seconds, so that a slow machine gives the same answer.
// Safety: the block is a word that a thread of this program writes while it lives.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.ExitApps;

/// <summary>Programs about when a leak is reported.</summary>
internal static unsafe class LifeCyclePrograms
{
    private const int BlockByteCount = 7_777;
    private static nuint s_hidden;

    /// <summary>Runs the program of that name; false when there is none.</summary>
    public static bool TryRun(string name, Func<string, int> number)
    {
        switch (name)
        {
            case "first-told": FirstTold(number("minimum")); return true;
            case "written": Written(number("minimum")); return true;
            case "clear": Clear(); return true;
            default: return false;
        }
    }

    // One lost block: the number of the scheduled scan that reports it, counted from the first that could see it.
    private static void FirstTold(int minimum)
    {
        using SemaphoreSlim told = new(0);
        int scan = 0;
        Start(minimum, TimeSpan.FromSeconds(1), (_, found) =>
        {
            if (Interlocked.CompareExchange(ref scan, found.Report.Scan.Number, 0) == 0)
            {
                told.Release();
            }
        });
        Lose();
        int before = LeakDetector.Scan().Scan.Number;
        told.Wait();
        Console.WriteLine($"before={before} told={scan - before}");
    }

    // A lost block that somebody still writes to through an address no scan can read: nothing is told until that ends.
    // With a minimum of 0, the control, it is told at once.
    private static void Written(int minimum)
    {
        using SemaphoreSlim told = new(0);
        int isWriting = 1, toldWhileWriting = 0;
        Start(minimum, TimeSpan.FromMilliseconds(50), (_, found) =>
        {
            if (found.NewLeaks.Any(static group => group.Total.Bytes == BlockByteCount))
            {
                // Order: acquire; pairs with the write that ends the writing.
                Interlocked.Add(ref toldWhileWriting, Volatile.Read(ref isWriting));
                told.Release();
            }
        });
        Lose();
        Thread writer = new(() =>
        {
            // Order: acquire; pairs with the write below.
            while (Volatile.Read(ref isWriting) != 0)
            {
                Increment();
                // The address is in no register any more while the thread sleeps.
                Thread.Sleep(1);
            }
        });
        writer.Start();
        int first = LeakDetector.Scan().Scan.Number;
        int scans;
        do
        {
            // Scans on request see it lost; some scheduled ones ran in between.
            Thread.Sleep(50);
            scans = LeakDetector.Scan().Scan.Number - first;
        }
        while (scans < 20);

        Console.WriteLine($"while-writing={Math.Min(toldWhileWriting, 1)}");
        // Order: release; pairs with the reads above.
        Volatile.Write(ref isWriting, 0);
        writer.Join();
        told.Wait();
        Console.WriteLine("told");
    }

    // A baseline of one lost block, into which the address of a later one is written; another later one is just lost.
    private static void Clear()
    {
        Start(0, TimeSpan.Zero, static (_, _) => { });
        Lose();
        LeakReport known = LeakDetector.Clear();
        LeakReport after = LeakDetector.Scan();
        LoseInto();
        LoseAgain();
        LeakReport later = LeakDetector.Scan();
        Console.WriteLine($"known={Tell(known)} after={Tell(after)} later={Tell(later)}");
        FreeHidden();
        Console.WriteLine($"freed={Tell(LeakDetector.Scan())}");
    }

    private static string Tell(LeakReport report) => $"{report.Totals.Leaked.Bytes}/{report.Totals.Ignored.Bytes}";

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void LoseInto() => OnAnotherThread(static () => *(nuint*)~s_hidden = (nuint)NativeMemory.AllocZeroed(555));

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void LoseAgain() => OnAnotherThread(static () => NativeMemory.AllocZeroed(33_333));

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void FreeHidden() => OnAnotherThread(static () => NativeMemory.Free((void*)~s_hidden));

    private static void OnAnotherThread(ThreadStart action)
    {
        Thread thread = new(action);
        thread.Start();
        thread.Join();
    }

    private static void Start(int minimum, TimeSpan interval, EventHandler<LeaksFoundEventArgs> found)
    {
        LeakDetector.LeaksFound += found;
        LeakDetector.Start(new LeakDetectorOptions
        {
            Level = DetectorLevel.On, MinimumAge = TimeSpan.Zero, MinimumUnreferencedScans = minimum, FirstScan = interval,
            ScanInterval = TimeSpan.FromMilliseconds(50), ReportAt = ReportOccasions.None, LogPath = "/dev/null",
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Lose() => OnAnotherThread(static () => s_hidden = ~(nuint)NativeMemory.AllocZeroed(BlockByteCount));

    // The address is in a register for moments only, and then the block is rightly called reachable.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Increment() => ++*(ulong*)~s_hidden;
}
