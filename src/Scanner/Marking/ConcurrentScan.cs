// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a scan of the living process: looks at its memory while it runs, until they agree, and then one look while
// every thread is held, if there is anybody to accuse.
// Who calls it: ScanModes, on the scanner thread.
// The one idea: a look at memory that moves can miss a pointer, so it may only acquit; who is accused is decided at rest, and
// where the process cannot be held so long, by many looks that agree.
// Safety: the context is the snapshot scan's, a page of ours.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Marking;

/// <summary>The concurrent mode. See docs/design/concurrent-scan.md.</summary>
/// <param name="scan">Lays out scans and makes outcomes.</param>
/// <param name="threads">Holds threads.</param>
/// <param name="rules">When to believe what was found.</param>
internal sealed unsafe class ConcurrentScan(SnapshotScan scan, IThreadHolder threads, ConcurrentRules rules)
{
    private int _looks;
    private bool _isAtRest;

    /// <summary>Scans.</summary>
    /// <param name="prepared">Laid out by <see cref="SnapshotScan.Begin"/>.</param>
    /// <param name="parameters">What it was laid out for.</param>
    /// <param name="modeReason">Why this mode; null when it was asked for.</param>
    public ScanOutcome Run(in PreparedScan prepared, in ScanParameters parameters, string? modeReason)
    {
        ScanContext* context = scan.Context;
        LiveMemoryResult* live = context->Live;
        if (!MemoryFile.TryOpen(out string? refusal))
        {
            return scan.End(
                prepared, Failed(SnapshotStatus.ReadingUnavailable, refusal), new ScanManner(ScanMode.Concurrent, modeReason, 0, false));
        }

        // The copy's reader has the parent read shared memory; here it is read like any other.
        context->Live = null;
        context->WantsChecksums = 1;
        try
        {
            using ConcurrentBuffers? buffers = ConcurrentBuffers.TryCreate();
            using ConcurrentPacing pacing = new(parameters.IsAborted, parameters.IsLast);
            SnapshotResult result = buffers is null
                ? Failed(SnapshotStatus.ReadingUnavailable, "no memory for the scan's buffers")
                : Look(new ConcurrentPass(scan, threads, buffers, pacing), pacing, parameters.IsLast);
            if (result.Status == SnapshotStatus.Completed && !MemoryFile.IsSound())
            {
                result = Failed(SnapshotStatus.ReadingUnavailable, "the descriptor of /proc/self/mem was closed by the application");
            }

            return scan.End(prepared, result, new ScanManner(ScanMode.Concurrent, modeReason, _looks, _isAtRest));
        }
        finally
        {
            context->Live = live;
            context->Reader = null;
            MemoryFile.Close();
        }
    }

    private SnapshotResult Look(ConcurrentPass pass, ConcurrentPacing pacing, bool isLast)
    {
        ScanContext* context = scan.Context;
        using SuspectList suspects = new();
        TimeSpan pause = TimeSpan.Zero;
        int quiet = 0, rests = 0;
        (_looks, _isAtRest) = (0, false);
        for (int number = 1; ; number++)
        {
            SnapshotResult result = pass.RunBesideTheProcess(rules.GroupSize);
            pause = pause > result.PauseTime ? pause : result.PauseTime;
            result = result with { PauseTime = pause };
            if (result.Status == SnapshotStatus.HoldExceeded && number < rules.MaximumPasses)
            {
                continue; // a thread left while its stack was copied
            }

            if (result.Status != SnapshotStatus.Completed)
            {
                return result;
            }

            if (scan.AddMetTypes() > 0 && number < rules.MaximumPasses)
            {
                continue; // from now on their objects are read by their fields; so far they were read whole
            }

            _looks++;
            int cleared = suspects.Narrow(context);
            if (cleared < 0)
            {
                return Failed(SnapshotStatus.ReadingUnavailable, "no memory for the list of suspects");
            }

            quiet = cleared == 0 && !pass.WasCollected ? quiet + 1 : 0;
            if (suspects.Count == 0 || IsEnough(number, quiet))
            {
                suspects.Confirm(context);
                return result;
            }

            if (rules.LooksAtRest && number >= (isLast ? rules.PassesBeforeLastLook : rules.PassesBeforeLook) && rests < rules.MaximumLooks)
            {
                rests++;
                if (TryLookAtRest(pass, suspects, isLast, ref result, ref pause))
                {
                    return result;
                }
            }

            if (pacing.IsAborted)
            {
                return Failed(SnapshotStatus.Interrupted, null);
            }

            if (number >= rules.MaximumPasses)
            {
                suspects.Confirm(context);
                context->Counters->Warnings |= (long)ScanWarning.Unconfirmed;
                return result;
            }
        }
    }

    // Passes alone have to do, and did.
    private bool IsEnough(int number, int quiet)
        => (!rules.LooksAtRest && rules.QuietPasses == 0) || (quiet >= rules.QuietPasses && number > rules.QuietPasses);

    private bool TryLookAtRest(ConcurrentPass pass, SuspectList suspects, bool isLast, ref SnapshotResult result, ref TimeSpan pause)
    {
        TimeSpan limit = isLast ? rules.LastLookLimit : rules.LookLimit;
        if (pass.WorkTime > limit)
        {
            return false; // it would be held in vain
        }

        SnapshotResult look = pass.RunAtRest(limit);
        pause = pause > look.PauseTime ? pause : look.PauseTime;
        if (look.Status != SnapshotStatus.Completed || look.ThreadsUncovered > 0 || suspects.Narrow(scan.Context) < 0)
        {
            return false;
        }

        _looks++;
        _isAtRest = true;
        suspects.Confirm(scan.Context);
        result = look with { PauseTime = pause };
        return true;
    }

    private static SnapshotResult Failed(SnapshotStatus status, string? detail)
        => new(status, 0, 0, 1, 0, 0, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero, detail);
}
