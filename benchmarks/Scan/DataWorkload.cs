// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one check of big blocks: of random words, which point nowhere, or full of pointers to other blocks.
// Who calls it: Program.cs.
// The one idea: how fast a scan reads is compared with how fast this very process can read the same memory at all.
// Safety: every block is written and read inside its own size.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap;

namespace NativeLeak.Benchmarks.Scan;

/// <summary>The workload scan.</summary>
internal static unsafe class DataWorkload
{
    private const int MebiByteCount = 1 << 20, BlockMebis = 64, TargetByteCount = 64;
    private const nuint WordsPerBlock = (nuint)BlockMebis * MebiByteCount / 8;

    // The roots: addresses of the big blocks; the first block of all is the list of targets.
    private static readonly nuint[] s_blocks = new nuint[1024];
    private static nuint s_targets;

    /// <summary>Runs it; its RESULT line.</summary>
    /// <exception cref="InvalidOperationException">Something reachable was called lost.</exception>
    public static string Run(Arguments asked)
    {
        int random = asked.Number("random", 0), dense = asked.Number("dense", 0);
        int targets = dense == 0 ? 0 : asked.Number("targets", 1_000_000);
        int blocks = (random + dense) / BlockMebis;
        if (blocks == 0 || blocks > s_blocks.Length)
        {
            throw new InvalidOperationException($"--random and --dense: from {BlockMebis} to {s_blocks.Length * BlockMebis} MiB");
        }

        Detector.Start();
        Fill(random / BlockMebis, dense / BlockMebis, targets);
        double own = ReadBandwidth.Measure(s_blocks.AsSpan(0, blocks), WordsPerBlock);
        double ownBoth = ReadBandwidth.MeasureTwo(s_blocks[..blocks], WordsPerBlock);
        Checks checks = Checks.Run(asked);
        if (checks.Counters.Definite.Blocks + checks.Counters.Indirect.Blocks != 0 || checks.Counters.Reachable.Blocks < targets + blocks)
        {
            throw new InvalidOperationException($"{checks.Counters.Definite.Blocks} blocks were called lost, "
                + $"{checks.Counters.Reachable.Blocks} of {targets + blocks} reachable");
        }

        double bytes = (double)blocks * WordsPerBlock * 8;
        string peer = asked.Number("markers", 0) == 1 ? "nativeleak-1" : "nativeleak";
        return $"RESULT workload=scan peer={peer} random_mib={random} dense_mib={dense} targets={targets} "
            + $"cpu_gb_s={bytes / checks.Cpu * 1e-9:F3} gb_s={bytes / checks.Wall * 1e-9:F3} copy_gb_s={bytes / checks.Marking * 1e-9:F3} "
            + $"cpu_ns_word={checks.Cpu * 8e9 / bytes:F3} read_gb_s={own * 1e-9:F2} read_two_gb_s={ownBoth * 1e-9:F2}";
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Fill(int random, int dense, int targets)
    {
        Xorshift numbers = new();
        nuint* list = null;
        if (targets > 0)
        {
            list = (nuint*)TrackedMemory.Alloc((nuint)targets * 8);
            s_targets = (nuint)list;
            for (int i = 0; i < targets; i++)
            {
                list[i] = (nuint)TrackedMemory.AllocZeroed(TargetByteCount);
            }
        }

        for (int b = 0; b < random + dense; b++)
        {
            nuint* words = (nuint*)TrackedMemory.Alloc(WordsPerBlock * 8);
            s_blocks[b] = (nuint)words;
            for (nuint i = 0; i < WordsPerBlock; i++)
            {
                ulong number = numbers.Next();
                words[i] = b < random ? (nuint)number : list[(number >> 20) % (ulong)targets];
            }
        }
    }
}
