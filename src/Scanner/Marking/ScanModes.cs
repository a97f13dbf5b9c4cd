// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the scan as the option "scan" asks for it.
// Who calls it: the scanner thread; Startup makes it.
// The one idea: a mode that was asked for is obeyed, or the report says why not; only auto chooses, and says what.
using System.Globalization;
using NativeLeak.Interop;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Marking;

/// <summary>Chooses between a copy of the process and the process itself. Used by one thread, the scanner's.</summary>
internal sealed class ScanModes : ILeakScan
{
    // A detector that was stopped may still be in a scan when the next one begins; what a scan of the running process takes from
    // the arena is written down in one place, which a copy of the process must not find in use.
    private static readonly Lock s_oneAtATime = new();

    private readonly SnapshotScan _snapshot;
    private readonly ConcurrentScan _concurrent;

    /// <summary>Prepares both.</summary>
    /// <param name="snapshots">Takes copies.</param>
    /// <param name="threads">Holds threads.</param>
    /// <param name="rules">When the concurrent mode believes what it found; null: as the product does.</param>
    /// <exception cref="InsufficientMemoryException">No pages for the buffers.</exception>
    /// <exception cref="InvalidOperationException">The self-test of the marker failed.</exception>
    public ScanModes(ISnapshotEngine snapshots, IThreadHolder threads, ConcurrentRules? rules = null)
    {
        lock (s_oneAtATime)
        {
            _snapshot = new SnapshotScan(snapshots);
        }

        _concurrent = new ConcurrentScan(_snapshot, threads, rules ?? ConcurrentRules.Default);
    }

    /// <inheritdoc/>
    public ScanOutcome Run(in ScanParameters parameters)
    {
        lock (s_oneAtATime)
        {
            return RunAlone(parameters);
        }
    }

    private ScanOutcome RunAlone(in ScanParameters parameters)
    {
        PreparedScan prepared = _snapshot.Begin(parameters);
        if (parameters.Mode == ScanMode.Concurrent)
        {
            return _concurrent.Run(prepared, parameters, modeReason: null);
        }

        _snapshot.Freeze();
        SnapshotResult result = _snapshot.Take();
        return parameters.Mode == ScanMode.Auto && result.Status == SnapshotStatus.CloneRefused
            ? _concurrent.Run(prepared, parameters, string.Create(CultureInfo.InvariantCulture,
                $"scan=auto: the system refused a copy of the process (clone: error {result.ErrorNumber}), so it was read while it ran"))
            : _snapshot.End(prepared, result, ScanManner.Snapshot);
    }
}
