// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Build;

/// <summary>The lines of one round.</summary>
internal sealed class RoundLines(IEnumerable<ResultLine> lines)
{
    private readonly ResultLine[] _lines = [.. lines];

    /// <summary>A value of a peer; null when it was not measured in this round.</summary>
    public double? Value(string workload, string peer, string name, int threads = 1)
        => _lines.LastOrDefault(line => line.Workload == workload && line.Peer == peer && line.Threads == threads)
            is { } found && found.Values.TryGetValue(name, out double value) ? value : null;

    /// <summary>A value of a peer in one size of a workload: the line whose <paramref name="size"/> is
    /// <paramref name="wanted"/>; null when that was not measured in this round.</summary>
    public double? Value(string workload, string peer, string name, string size, double wanted)
        => _lines.LastOrDefault(line => line.Workload == workload && line.Peer == peer
            && line.Values.TryGetValue(size, out double found) && found == wanted)
            is { } line && line.Values.TryGetValue(name, out double value) ? value : null;

    /// <summary>CPU time of a pair in the churn.</summary>
    public double? Pair(string peer, int threads = 1) => Value("churn", peer, "cpu_ns_pair", threads);
}
