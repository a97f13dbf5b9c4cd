// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one check of a retained graph, with the proof that it found what was lost and nothing else.
// Who calls it: Program.cs.
// The one idea: a fast scan that misses a leak is worth nothing: each block in the list is compared with what was planted,
// and any difference is a failure, not a figure.
using NativeLeak.Verdicts;

namespace NativeLeak.Benchmarks.Scan;

/// <summary>The workload graph.</summary>
internal static unsafe class GraphWorkload
{
    private const int ChainLength = 4;

    /// <summary>Runs it; its RESULT line.</summary>
    /// <exception cref="InvalidOperationException">A leak was missed, or invented.</exception>
    public static string Run(Arguments asked)
    {
        long count = asked.Number("blocks", 1_000_000);
        Detector.Start();
        long before = ProcessClock.ResidentByteCount;
        Graph.Build(count);
        double resident = (double)(ProcessClock.ResidentByteCount - before - (Graph.LostCount * sizeof(nuint))) / count;
        long found = 0, invented = 0;
        string holders = string.Empty;
        Checks checks = Checks.Run(asked, outcome => (found, invented, holders) = Compare(outcome));
        ScanCounters counters = checks.Counters;
        if (found != Graph.LostCount || invented != 0 || counters.Definite.Blocks < Graph.LostCount / ChainLength)
        {
            throw new InvalidOperationException($"{found} of {Graph.LostCount} leaks were found, {invented} were invented; "
                + $"{counters.Definite.Blocks} definite, {counters.Indirect.Blocks} indirect, {counters.Possible.Blocks} possible{holders}");
        }

        string peer = asked.Number("holders", 0) != 0 ? "nativeleak-holders" : asked.Number("markers", 0) == 1 ? "nativeleak-1" : "nativeleak";
        return $"RESULT workload=graph peer={peer} n={count} cpu_ns_block={checks.Cpu * 1e9 / count:F2} "
            + $"ns_block={checks.Wall * 1e9 / count:F2} copy_ns_block={checks.Marking * 1e9 / count:F2} "
            + $"bytes_per_block={resident:F1} pause_ms={checks.Pause * 1e3:F2} planted={Graph.LostCount} found={found} false={invented}";
    }

    // What is lost is counted among what was planted; the program's own blocks are not in question.
    private static (long Found, long Invented, string Holders) Compare(ScanOutcome outcome)
    {
        ReadOnlySpan<nuint> planted = new(Graph.Hidden, (int)Graph.LostCount);
        HashSet<nuint> hidden = [.. planted];
        long found = 0, invented = 0;
        string holders = string.Empty;
        foreach (ref readonly LostBlock lost in outcome.Lost)
        {
            bool isPlanted = lost.Verdict is Verdict.Definite or Verdict.Indirect && hidden.Contains(~lost.Address);
            found += isPlanted ? 1 : 0;
            bool isInvented = !isPlanted && lost.BlockByteCount == Graph.BlockByteCount;
            invented += isInvented ? 1 : 0;
            holders += isInvented ? $"; 0x{lost.Address:x} by 0x{lost.HolderValue:x} at 0x{lost.HolderAddress:x}" : string.Empty;
        }

        return (found, invented, holders);
    }
}
