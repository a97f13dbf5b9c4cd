// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>A context in shared pages and a dedicated thread that takes snapshots with it.</summary>
internal sealed unsafe class SnapshotProbe : IDisposable
{
    private const nuint SharedByteCount = 1 << 16;

    private readonly nuint _shared;

    public SnapshotProbe()
    {
        ChildCode.PrepareAll(typeof(SnapshotProbe).Assembly);
        _shared = Platform.Pages.AllocateShared(SharedByteCount);
        Assume.That(_shared, Is.Not.Zero);
    }

    public ProbeContext* Context => (ProbeContext*)_shared;

    /// <summary>The file that <see cref="ProbeChild.Hang"/> opens.</summary>
    public void SetPath(string path)
    {
        Span<byte> room = new((byte*)_shared + 4096, 4096);
        room.Clear();
        System.Text.Encoding.UTF8.GetBytes(path, room);
        Context->Path = (byte*)_shared + 4096;
    }

    /// <summary>Makes <see cref="ProbeChild.Check"/> look at the counters of a load.</summary>
    public void Watch(ProcessLoad load)
    {
        Context->Counters = load.Counters;
        Context->CounterGroups = ProcessLoad.Groups;
        Context->CountersPerGroup = ProcessLoad.CountersPerGroup;
    }

    /// <summary>The costs of many snapshots, and how their threads stood, in one line each.</summary>
    public string Summary(List<SnapshotResult> results)
    {
        string Line(string name, Func<SnapshotResult, TimeSpan> time)
        {
            double[] sorted = [.. results.Select(result => time(result).TotalMilliseconds).Order()];
            return string.Create(CultureInfo.InvariantCulture,
                $"{name} p50 {sorted[sorted.Length / 2]:F2} p99 {sorted[sorted.Length * 99 / 100]:F2} max {sorted[^1]:F2} ms");
        }

        return $"{results.Count} snapshots; {Line("pause", r => r.PauseTime)}; {Line("park", r => r.ParkTime)}; "
            + $"{Line("clone", r => r.CloneTime)}; {Line("child", r => r.ChildTime)}\nthreads: "
            + string.Join(", ", Enum.GetValues<ThreadParkState>().Select(state => $"{state} {Context->ThreadsByState[(int)state]}"));
    }

    public SnapshotRequest Request(delegate*<SnapshotView*, void*, void> child, int maxAttempts = 3) => new()
    {
        BeforeClone = &ProbeChild.Before,
        AfterClone = &ProbeChild.After,
        Child = child,
        Context = Context,
        SilenceLimit = TimeSpan.FromSeconds(10),
        MaxAttempts = maxAttempts,
    };

    /// <summary>Takes a snapshot on a thread of its own, as the scanner does.</summary>
    public static SnapshotResult Take(SnapshotRequest request)
    {
        SnapshotResult result = default;
        Thread thread = new(() => result = new SnapshotEngine().Take(request)) { Name = "scanner" };
        thread.Start();
        thread.Join();
        return result;
    }

    public void Dispose() => Platform.Pages.Release(_shared, SharedByteCount);
}
