// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: each workload's set-up, its check that it measured what it says, and its RESULT line.
// Who calls it: Program.cs.
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>The workloads, as RESULT lines.</summary>
internal static class Workloads
{
    private const int DefaultPairs = 2_800_000;
    private const int DefaultRun = 16;
    private const int DefaultBlocks = 10_000;
    private const int DefaultRetained = 1_000_000;
    private const int DefaultLevels = 9;
    private const int LeastStacks = 64;

    /// <summary>Free and alloc in random order.</summary>
    public static string Churn(Arguments asked)
    {
        ChurnSize size = new(asked.Number("threads", 1), asked.Number("pairs", DefaultPairs), asked.Number("blocks", DefaultBlocks),
            asked.Pause, Math.Max(1, asked.Number("run", DefaultRun)));
        Prepare(asked);
        long recorded = 0;
        ChurnTimes times = asked.Peer.Churn(size, () => recorded = Detector.LiveBlocks);
        Check(asked, recorded, (long)size.Blocks * size.Threads);
        return $"RESULT workload=churn peer={Name(asked)} threads={size.Threads} cpu_ns_pair={times.Cpu:F2} "
            + $"ns_pair={times.Wall:F2} cpu_ns_pair_min={times.LeastCpu:F2} pairs={size.Pairs} recorded={recorded} "
            + $"stacks={Detector.StackCount}";
    }

    /// <summary>Blocks that stay.</summary>
    public static string Retain(Arguments asked)
    {
        int count = asked.Number("blocks", DefaultRetained);
        Prepare(asked);
        Retained retained = asked.Peer.Retain(count, asked.Pause);
        long recorded = Detector.LiveBlocks;
        Check(asked, recorded, count);
        return $"RESULT workload=retain peer={Name(asked)} blocks={count} "
            + $"rss_bytes_block={(double)retained.ResidentByteCount / count:F2} "
            + $"metadata_bytes_block={(double)retained.MetadataByteCount / count:F2} recorded={recorded}";
    }

    /// <summary>New call stacks.</summary>
    public static string FirstSight(Arguments asked)
    {
        int levels = asked.Number("levels", DefaultLevels);
        Detector.Start("on");
        int before = Detector.StackCount;
        (double[] first, double[] known) = Benchmarks.Churn.FirstSight.Run(levels, asked.Pause);
        int stacks = Detector.StackCount - before;
        if (stacks < first.Length)
        {
            throw new InvalidOperationException($"{stacks} new call stacks for {first.Length} first sights");
        }

        double overhead = Quantile(known, 0.5);
        return $"RESULT workload=first-sight peer=tracked-memory stacks={first.Length} "
            + $"cpu_us_stack={(Quantile(first, 0.5) - overhead) / 1e3:F2} "
            + $"cpu_us_stack_mean={(first.Average() - overhead) / 1e3:F2} "
            + $"cpu_us_stack_p95={(Quantile(first, 0.95) - overhead) / 1e3:F2} known_ns={overhead:F0}";
    }

    /// <summary>A program's start.</summary>
    public static string Start(Arguments asked)
    {
        string state = asked.Text("peer", "");
        StartTimes times = HelloRun.Measure(asked.Text("hello", ""), asked.Text("hook", ""), state);
        return $"RESULT workload=start peer={state} main_ms={times.MainMilliseconds:F2} "
            + $"exit_ms={times.ExitMilliseconds:F2} main_cpu_ms={times.MainCpuMilliseconds:F2} cpu_ms={times.CpuMilliseconds:F2}";
    }

    private static void Prepare(Arguments asked)
    {
        if (asked.Peer.Recorded)
        {
            Detector.Start(asked.Level);
        }
        else
        {
            Detector.LeaveOff();
        }
    }

    // Only the level that records every block can be held to it.
    private static void Check(Arguments asked, long recorded, long blocks)
    {
        if (asked.Peer.Recorded && asked.Level == "on" && (recorded < blocks || Detector.StackCount < LeastStacks))
        {
            throw new InvalidOperationException(
                $"{recorded} of {blocks} blocks were recorded, from {Detector.StackCount} call stacks");
        }

        if (!asked.Peer.Recorded && AllocationRecorder.IsRecording)
        {
            throw new InvalidOperationException("the detector came on while it was meant to be off");
        }
    }

    private static string Name(Arguments asked)
        => asked.Peer.Recorded && asked.Level != "on" ? $"{asked.Peer.Name}-{asked.Level}" : asked.Peer.Name;

    private static double Quantile(double[] values, double part)
        => values.Order().ElementAt((int)(part * (values.Length - 1)));
}
