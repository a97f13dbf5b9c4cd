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

        Say($"pause: {Quantiles(snapshot => snapshot.PauseTime)}");
        Say($"child: {Quantiles(snapshot => snapshot.ChildTime)}");
        int threadsFound = _snapshots.Sum(snapshot => snapshot.ThreadsFound);
        int threadsMissed = _snapshots.Sum(snapshot => snapshot.ThreadsMissed);
        Say($"threads: {threadsFound} found, {threadsMissed} not parked");
        Say($"reachable: {PlantedBlocks.ReachableCount} blocks, checked in every snapshot");
        Say($"lost: at least {leastFound} of {PlantedBlocks.LostCount} found in every snapshot");
        Say($"{_snapshots.Count} snapshots: {unfinished} without a result, {FailedChildren} hung or crashed, {WrongMarks} wrong marks");
        return unfinished == 0 && FailedChildren == 0 && WrongMarks == 0 && load.All(generator => generator.Failure is null)
            && leastFound >= PlantedBlocks.LostCount - ToleratedMisses;
    }

    private string Quantiles(Func<SnapshotMarks, TimeSpan> time)
    {
        double[] sorted = [.. _snapshots.Select(snapshot => time(snapshot).TotalMilliseconds).Order()];
        double At(double quantile) => sorted[(int)Math.Min(sorted.Length - 1, sorted.Length * quantile)];
        return string.Create(
            CultureInfo.InvariantCulture, $"p50 {At(0.50):F1} ms, p99 {At(0.99):F1} ms, max {sorted[^1]:F1} ms");
    }

    private void Say(FormattableString text) => output.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
