// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the soak itself: plant, load, snapshot after snapshot, figures.
// Who calls it: Program.
// The one idea: the verdicts of the planted blocks are known, so every snapshot is checked, not only survived.
using System.Globalization;
using NativeLeak.Soak.Load;
using NativeLeak.Soak.Planting;

namespace NativeLeak.Soak;

/// <summary>Takes the snapshots and sums up.</summary>
internal sealed class SoakRun(ISnapshotProbe probe, SoakOptions options, TextWriter output)
{
    // Of 2,000 lost blocks a stale word may keep a few alive; more than ten in one snapshot is a defect.
    private const int ToleratedMisses = 10;
    private const int ProgressEvery = 100;

    // Milliseconds, and a multiple of the median.
    private const int PauseTailTarget = 60;
    private const int ChildTailTarget = 5;
    private const int WorstShown = 10;

    private readonly List<SnapshotMarks> _snapshots = [];

    /// <summary>Runs it. True when nothing hung, crashed or was marked wrongly.</summary>
    public bool Run()
    {
        probe.Start();
        PlantedBlocks.Plant();
        IReadOnlyList<LoadGenerator> load = LoadGenerators.Create();
        for (int i = 0; i < load.Count; i++)
        {
            load[i].Start(seed: i);
        }

        while (_snapshots.Count < options.SnapshotCount)
        {
            _snapshots.Add(probe.Take());
            if (_snapshots.Count % ProgressEvery == 0)
            {
                Say($"{_snapshots.Count} snapshots, {WrongMarks} wrong marks, {FailedChildren} failed children");
            }
        }

        return Summarize(load);
    }

    private int WrongMarks => _snapshots.Sum(snapshot => snapshot.WrongMarks + snapshot.StrangeLeaks);

    private int FailedChildren => _snapshots.Sum(snapshot => snapshot.FailedChildren);

    private bool Summarize(IReadOnlyList<LoadGenerator> load)
    {
        int unfinished = _snapshots.Count(snapshot => !snapshot.IsCompleted);
        int leastFound = _snapshots.Where(snapshot => snapshot.IsCompleted)
            .Select(snapshot => snapshot.LeaksFound).DefaultIfEmpty(0).Min();
        foreach (LoadGenerator generator in load)
        {
            Say($"load: {generator.Count} {generator.Name}{(generator.Failure is { } failure ? $", stopped by {failure}" : "")}");
        }

        foreach (string detail in _snapshots.Select(snapshot => snapshot.Detail).OfType<string>().Distinct().Take(WorstShown))
        {
            Say($"failed: {detail}");
        }

        SayCosts();
        int threadsFound = _snapshots.Sum(snapshot => snapshot.ThreadsFound);
        int threadsMissed = _snapshots.Sum(snapshot => snapshot.ThreadsMissed);
        Say($"threads: {threadsFound} found, {threadsMissed} not parked");
        Say($"reachable: {PlantedBlocks.ReachableCount} blocks, checked in every snapshot");
        Say($"lost: at least {leastFound} of {PlantedBlocks.LostCount} found in every snapshot");
        Say($"{_snapshots.Count} snapshots: {unfinished} without a result, {FailedChildren} hung or crashed, {WrongMarks} wrong marks");
        return unfinished == 0 && FailedChildren == 0 && WrongMarks == 0 && load.All(generator => generator.Failure is null)
            && leastFound >= PlantedBlocks.LostCount - ToleratedMisses;
    }

    // Figures, never a failure: how busy the machine is decides over them. The load starts processes all the time.
    private void SayCosts()
    {
        double[] pause = Sorted(snapshot => snapshot.PauseTime), child = Sorted(snapshot => snapshot.ChildTime);
        double pauseTail = At(pause, 0.99), childTail = At(child, 0.99) / Math.Max(At(child, 0.50), 0.1);
        Say($"pause: {Quantiles(pause)}; target p99 <= {PauseTailTarget} ms: {Verdict(pauseTail <= PauseTailTarget)}");
        Say($"  of that, threads come to a halt: {Quantiles(Sorted(snapshot => snapshot.ParkTime))}");
        Say($"  of that, the clone: {Quantiles(Sorted(snapshot => snapshot.CloneTime))}");
        Say($"child: {Quantiles(child)}; p99 is {childTail:F1} x p50, target <= {ChildTailTarget}: {Verdict(childTail <= ChildTailTarget)}");
        Say($"processors: {Environment.ProcessorCount}; load of the machine: {Load()}");
    }

    private static string Verdict(bool isMet) => isMet ? "met" : "NOT met";

    // The averages over 1, 5 and 15 minutes; this process's own load is in them.
    private static string Load()
        => File.Exists("/proc/loadavg") ? string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ').Take(3)) : "unknown";

    private double[] Sorted(Func<SnapshotMarks, TimeSpan> time)
        => [.. _snapshots.Select(snapshot => time(snapshot).TotalMilliseconds).Order()];

    private static double At(double[] sorted, double quantile)
        => sorted[(int)Math.Min(sorted.Length - 1, sorted.Length * quantile)];

    private static string Quantiles(double[] sorted) => string.Create(CultureInfo.InvariantCulture,
        $"p50 {At(sorted, 0.50):F1} ms, p99 {At(sorted, 0.99):F1} ms, max {sorted[^1]:F1} ms");

    private void Say(FormattableString text) => output.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
