// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how long the application stands still in a scan, by resident memory and number of threads.
// Who calls it: Program.cs.
// The one idea: threads stand in different ways: asleep in the kernel, at work in managed code; both have to be parked.
// Safety: blocks are written inside their size.
using NativeLeak.NativeHeap;

namespace NativeLeak.Benchmarks.Scan;

/// <summary>The workload pause.</summary>
internal static unsafe class PauseWorkload
{
    private const int MebiByteCount = 1 << 20, WorkingEvery = 50;
    private static readonly nuint[] s_blocks = new nuint[1 << 16];
    private static long s_work;

    /// <summary>Runs it; its RESULT line.</summary>
    public static string Run(Arguments asked)
    {
        int resident = asked.Number("resident", 100), threads = asked.Number("threads", 100);
        Detector.Start();
        using ManualResetEventSlim end = new();
        List<Thread> started = [];
        for (int i = 1; i < threads; i++)
        {
            started.Add(i % WorkingEvery == 0 ? new Thread(() => Work(end)) : new Thread(() => end.Wait()));
            started[^1].IsBackground = true;
            started[^1].Start();
        }

        for (int i = 0; ProcessClock.ResidentByteCount < (long)resident * MebiByteCount; i++)
        {
            s_blocks[i] = (nuint)TrackedMemory.Alloc(MebiByteCount);
            new Span<byte>((void*)s_blocks[i], MebiByteCount).Fill(1);
        }

        long before = ProcessClock.ResidentByteCount;
        Checks checks = Checks.Run(asked);
        end.Set();
        started.ForEach(thread => thread.Join());
        return $"RESULT workload=pause peer=nativeleak threads={threads} resident_mib={resident} "
            + $"pause_ms={checks.Pause * 1e3:F2} pause_max_ms={checks.LongestPause * 1e3:F2} clone_ms={checks.CloneTime * 1e3:F2} "
            + $"scan_ms={checks.Wall * 1e3:F1} resident_bytes={before}";
    }

    private static void Work(ManualResetEventSlim end)
    {
        long sum = 0;
        while (!end.IsSet)
        {
            sum += sum ^ 0x55;
        }

        s_work = sum;
    }
}
