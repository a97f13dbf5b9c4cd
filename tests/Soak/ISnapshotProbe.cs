// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Soak;

/// <summary>
/// Contract: one snapshot of this process, judged. Pre: <see cref="Start"/> was called before anything was planted.
/// Post: a result, whatever happened to the snapshot.
/// </summary>
internal interface ISnapshotProbe
{
    /// <summary>Starts recording blocks.</summary>
    /// <exception cref="InvalidOperationException">They cannot be recorded here.</exception>
    void Start();

    /// <summary>Takes one snapshot and waits for its verdicts.</summary>
    SnapshotMarks Take();
}
