// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.Interop.Tests.Linux;

namespace NativeLeak.Interop.Tests.Actors;

/// <summary>
/// Snapshots under full load, as many as one likes: <c>--actor snapshot-soak 1000</c>. The exit code is 0 when none hung,
/// died or saw anything move.
/// </summary>
internal static unsafe class SnapshotSoak
{
    [Actor("snapshot-soak")]
    public static int Soak(string[] arguments)
    {
        int snapshots = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 1000;
        using SnapshotProbe probe = new();
        using ProcessLoad load = new();
        probe.Watch(load);
        List<SnapshotResult> results = [];
        for (int i = 0; i < snapshots; i++)
        {
            results.Add(SnapshotProbe.Take(probe.Request(&ProbeChild.Check, maxAttempts: 1)));
        }

        int failed = results.Count(result => result.Status != SnapshotStatus.Completed);
        Console.WriteLine(probe.Summary(results));
        Console.WriteLine(load.Summary());
        foreach (SnapshotResult result in results.Where(result => result.Status != SnapshotStatus.Completed).Take(10))
        {
            Console.WriteLine(result);
        }

        bool clean = failed == 0 && probe.Context->GroupsTorn == 0 && probe.Context->GroupsMoved == 0
            && probe.Context->ThreadsWrong == 0 && load.Failure == null;
        Console.WriteLine($"{snapshots - failed} completed, {failed} failed, {probe.Context->GroupsTorn} torn, "
            + $"{probe.Context->GroupsMoved} moved, {probe.Context->ThreadsWrong} threads wrong, load: {load.Failure?.Message ?? "ok"}");
        return clean ? 0 : 1;
    }
}
