// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the collections before a precise scan.
// Who calls it: SnapshotScan, on the scanner thread, before any thread is stopped; never elsewhere.
// The one idea: an object that waits for its finalizer is reachable by design, so finalizers run first and the collector
// looks again; every wait is bounded, for a finalizer is the application's code.
using System.Runtime;

namespace NativeLeak.Roots;

/// <summary>Full collections with finalizers in between, as far as the application allows them.</summary>
internal sealed class PreciseCollection
{
    // A finalizer may make more objects wait: that of ConditionalWeakTable asks to be run twice. Not until none waits: the
    // runtime has objects that come back from their own finalizer at every collection.
    private const int MaximumRounds = 3;

    private readonly TimeSpan _finalizerLimit;
    private readonly Action _waitForFinalizers;
    private Thread? _waiter;

    /// <summary>Collections of this process.</summary>
    public PreciseCollection()
        : this(TimeSpan.FromSeconds(2), GC.WaitForPendingFinalizers)
    {
    }

    /// <summary>With another way of waiting, for tests.</summary>
    internal PreciseCollection(TimeSpan finalizerLimit, Action waitForFinalizers)
        => (_finalizerLimit, _waitForFinalizers) = (finalizerLimit, waitForFinalizers);

    /// <summary>
    /// Collects and lets finalizers run, until none waits or some rounds are over. Blocks for the length of four full
    /// collections at most, and for finalizers at most the limit a round.
    /// </summary>
    /// <param name="canFinalize">Whether finalizers still run.</param>
    /// <param name="reason">What could not be done; empty when all was.</param>
    /// <returns>False: the application does not allow collections now, so none was made.</returns>
    public bool Run(bool canFinalize, out string reason)
    {
        reason = string.Empty;
        if (GCSettings.LatencyMode == GCLatencyMode.NoGCRegion)
        {
            // A collection would end the region that the application asked for.
            reason = "the application is in a region without collections";
            return false;
        }

        for (int round = 0; round < MaximumRounds && reason.Length == 0; round++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
            if (GC.GetGCMemoryInfo(GCKind.FullBlocking).FinalizationPendingCount == 0)
            {
                break;
            }

            if (!canFinalize)
            {
                reason = "finalizers run no more at the end of the process: objects that wait for theirs count as alive";
            }
            else if (!WaitForFinalizers())
            {
                reason = "finalizers did not end in time: objects that wait for theirs count as alive";
            }
        }

        // Aggressive gives free memory back: what dead objects left there can then be taken for objects by nobody.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return true;
    }

    // The runtime's own wait has no limit. A thread that is stuck in it is asked again by the next scan, not doubled.
    private bool WaitForFinalizers()
    {
        if (_waiter is not { IsAlive: true })
        {
            _waiter = new Thread(() => _waitForFinalizers()) { IsBackground = true, Name = "NativeLeak finalizer wait" };
            _waiter.UnsafeStart();
        }

        return _waiter.Join(_finalizerLimit);
    }
}
