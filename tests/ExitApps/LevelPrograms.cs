// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.ExitApps;

/// <summary>Programs that start the real detector from code at some level; each prints lines name=value.</summary>
internal static class LevelPrograms
{
    private const int Threads = 8;

    /// <summary>Runs the program of that name; false when there is none.</summary>
    public static bool TryRun(string name, Func<string, int> number)
    {
        switch (name)
        {
            case "gap": Gap(); return true;
            case "limit": Limit(number("limit")); return true;
            case "estimate": Estimate(number("interval"), number("blocks")); return true;
            case "late": Late(); return true;
            case "race": StartRace.Run(number("starts"), Options(DetectorLevel.On)); return true;
            case "off": Console.WriteLine($"started={LeakDetector.Start(Options(DetectorLevel.Off))} enabled={LeakDetector.IsEnabled}"); return true;
            default: return false;
        }
    }

    private static LeakDetectorOptions Options(DetectorLevel level) => new()
    {
        Level = level, MinimumAge = TimeSpan.Zero, MaximumLeaks = 0, FirstScan = TimeSpan.Zero, ReportAt = ReportOccasions.None,
    };

    // Blocks before, in and after a stretch without recording; some of each are freed in another stretch.
    private static void Gap()
    {
        Start(DetectorLevel.On);
        nint[] before = Allocate(100, 100);
        LeakDetector.Stop();
        nint[] between = Allocate(30, 200);
        Free(before[..40]);
        Start(DetectorLevel.Sample); // the level of the first start holds
        nint[] after = Allocate(20, 300);
        Free(between[..10]);
        Free(after[..5]);
        LeakReport report = LeakDetector.Scan();
        ReportedTracker tracker = report.Tracker;
        Console.WriteLine($"level={tracker.Level} live={report.Totals.Live.Blocks} missed={tracker.MissedBlocks} "
            + $"unknown={tracker.UnknownFrees} conclusive={report.IsConclusive}");
        Tell(report);
        GC.KeepAlive((before, between, after));
    }

    // The limit is met while eight threads allocate; every byte they wrote must still be there when they free.
    private static void Limit(int limitBytes)
    {
        LeakDetectorOptions options = Options(DetectorLevel.On);
        options.MaximumTrackerMemoryBytes = limitBytes;
        LeakDetector.Start(options);
        long sum = 0;
        using Barrier everybodyHolds = new(Threads);
        Thread[] threads = [.. Enumerable.Range(1, Threads).Select(lane => new Thread(() => Interlocked.Add(ref sum, Churn(lane, everybodyHolds))))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        LeakReport report = LeakDetector.Scan();
        ReportedTracker tracker = report.Tracker;
        Console.WriteLine($"sum={sum}");
        Console.WriteLine($"ended={tracker.EndedAt is not null} conclusive={report.IsConclusive} live={report.Totals.Live.Blocks} "
            + $"balanced={tracker.RecordedBlocks == tracker.FreedBlocks}");
        Console.WriteLine($"recorded={tracker.RecordedBlocks > 0}");
        Console.WriteLine($"all={tracker.RecordedBlocks + tracker.MissedBlocks} within={tracker.MemoryBytes <= limitBytes}");
        LeakDetector.Stop();
        LeakDetector.Start(options);
        Free(Allocate(1000, 64));
        Console.WriteLine($"again={LeakDetector.Scan().Tracker.RecordedBlocks - tracker.RecordedBlocks}");
        Tell(report);
    }

    private static long Churn(int lane, Barrier everybodyHolds)
    {
        const int Count = 20_000;
        nint[] blocks = new nint[Count];
        long sum = 0;
        for (int i = 0; i < Count; i++)
        {
            blocks[i] = Marshal.AllocHGlobal(64 + (i % 64));
            Marshal.WriteInt32(blocks[i], i ^ lane);
            if (i % 3 == 0)
            {
                blocks[i] = Marshal.ReAllocHGlobal(blocks[i], 256);
            }
        }

        // All 160,000 blocks live at once, whatever the scheduler did.
        everybodyHolds.SignalAndWait();
        for (int i = 0; i < Count; i++)
        {
            sum += Marshal.ReadInt32(blocks[i]) ^ lane;
            Marshal.FreeHGlobal(blocks[i]);
        }

        return sum;
    }

    // Known numbers of blocks in four sizes, of which every other is freed again.
    private static void Estimate(int interval, int count)
    {
        LeakDetectorOptions options = Options(DetectorLevel.Sample);
        options.SampleIntervalBytes = interval;
        LeakDetector.Start(options);
        int[] sizes = [32, 400, 3000, 20_000];
        List<nint> kept = [];
        for (int i = 0; i < count; i++)
        {
            nint block = Marshal.AllocHGlobal(sizes[i % sizes.Length]);
            if (i / sizes.Length % 2 == 0)
            {
                kept.Add(block);
            }
            else
            {
                Marshal.FreeHGlobal(block);
            }
        }

        LeakReport report = LeakDetector.Scan();
        BlockEstimate live = report.Estimates!.Live;
        Console.WriteLine(FormattableString.Invariant(
            $"samples={report.Totals.Live.Blocks} blocks={live.Blocks} error={live.BlocksError} bytes={live.Bytes} bytesError={live.BytesError}"));
        Console.WriteLine($"unknown={report.Tracker.UnknownFrees} level={report.Tracker.Level} interval={report.Tracker.SampleIntervalBytes}");
        GC.KeepAlive(kept);
    }

    // Threads allocate from before the detector starts: what they allocate once Start has returned must have a record.
    private static void Late()
    {
        bool isStarted = false;
        int allocating = 0;
        List<nint>[] seen = new List<nint>[Threads];
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(lane => new Thread(() =>
        {
            seen[lane] = [];
            Interlocked.Increment(ref allocating);
            while (seen[lane].Count < 2000)
            {
                bool isAfter = Volatile.Read(ref isStarted);
                nint block = Marshal.AllocHGlobal(48);
                if (isAfter)
                {
                    seen[lane].Add(block);
                }
                else
                {
                    Marshal.FreeHGlobal(block);
                }
            }
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        SpinWait.SpinUntil(() => Volatile.Read(ref allocating) == Threads);
        Start(DetectorLevel.On);
        Volatile.Write(ref isStarted, true);
        Array.ForEach(threads, static thread => thread.Join());
        Console.WriteLine($"after={seen.Sum(static list => list.Count)} recorded={seen.Sum(static list => list.Count(IsRecorded))}");
    }

    private static bool IsRecorded(nint block)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        bool isFound = RecordTable.TryFind(in guard, (nuint)block, out RecordHandle found);
        found.Dispose();
        return isFound;
    }

    private static void Start(DetectorLevel level) => Console.WriteLine($"started={LeakDetector.Start(Options(level))}");

    private static nint[] Allocate(int count, int byteCount)
        => [.. Enumerable.Range(0, count).Select(_ => Marshal.AllocHGlobal(byteCount))];

    private static void Free(nint[] blocks) => Array.ForEach(blocks, Marshal.FreeHGlobal);

    private static void Tell(LeakReport report)
    {
        foreach (string warning in report.Coverage.Warnings)
        {
            Console.WriteLine("warning=" + warning);
        }
    }
}
