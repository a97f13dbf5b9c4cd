// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Benchmarks.Churn;

/// <summary>A heap and the state of the detector it is measured in.</summary>
/// <param name="Name">Its name in RESULT lines.</param>
/// <param name="Recorded">Whether every block of it must have a record.</param>
/// <param name="Churn">Runs the churn.</param>
/// <param name="Retain">Runs the workload that keeps blocks: their number, the pause between rounds of warming up.</param>
internal sealed record Peer(
    string Name,
    bool Recorded,
    Func<ChurnSize, Action, ChurnTimes> Churn,
    Func<int, int, Retained> Retain)
{
    /// <summary>Every peer.</summary>
    public static IReadOnlyList<Peer> All { get; } =
    [
        Of<NativeMemoryHeap>("native-memory", recorded: false),
        Of<MarshalHeap>("marshal", recorded: false),
        Of<TrackedMemoryHeap>("tracked-off", recorded: false),
        Of<TrackedMemoryHeap>("tracked-memory", recorded: true),
        Of<TrackedMarshalHeap>("tracked-marshal", recorded: true),
        Of<NativeMemoryHeap>("hook", recorded: true),
    ];

    private static Peer Of<THeap>(string name, bool recorded)
        where THeap : struct, IHeap
        => new(name, recorded, ChurnWorkload<THeap>.Run, RetainWorkload<THeap>.Run);
}
