// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Reporting;

namespace NativeLeak.Scheduling;

/// <summary>When scans run that nobody asks for, and what becomes of their reports.</summary>
/// <param name="session">Whose options and listeners count.</param>
/// <param name="clock">The time; tests have one of their own.</param>
internal sealed class ScanSchedule(DetectorSession session, TimeProvider clock) : IScanOccasion
{
    // Long enough for a pointer in a register or in a message to arrive somewhere; short beside any interval.
    private static readonly TimeSpan s_confirmationDelay = TimeSpan.FromMilliseconds(250);

    private readonly SuspectHistory _suspects = new();
    private long _last;
    private TimeSpan _delay;
    private bool _isConfirming;

    // Ticks; negative: what the options say.
    private long _intervalTicks = -1;

    /// <summary>Time between scans; zero: there are none. From any thread.</summary>
    public TimeSpan Interval
    {
        get
        {
            // Order: a value of its own; whoever reads the old one reads it a moment early.
            long ticks = Volatile.Read(ref _intervalTicks);
            return ticks >= 0 ? TimeSpan.FromTicks(ticks)
                : session.Judges && session.Options.FirstScan > TimeSpan.Zero ? session.Options.ScanInterval : TimeSpan.Zero;
        }
    }

    /// <summary>Says what <see cref="Interval"/> will be once the scanner thread calls <see cref="Change"/>. From any
    /// thread.</summary>
    // Order: pairs with the read in Interval.
    public void Plan(TimeSpan interval) => Volatile.Write(ref _intervalTicks, interval.Ticks);

    /// <inheritdoc/>
    // The next scan after the planned interval, and then each; zero: none.
    public void Change() => (_delay, _last, _isConfirming) = (Interval, clock.GetTimestamp(), false);

    /// <inheritdoc/>
    public void Begin()
    {
        // Without verdicts there is no news to tell.
        _delay = session.Judges ? session.Options.FirstScan : TimeSpan.Zero;
        _last = clock.GetTimestamp();
    }

    /// <inheritdoc/>
    public TimeSpan? DueIn() => _delay > TimeSpan.Zero ? _delay - clock.GetElapsedTime(_last) : null;

    /// <inheritdoc/>
    public bool TryCreateRequest(out ReportRequest request)
    {
        request = session.CreateRequest(ReportReason.Scan, session.Options.MinimumAge);
        _suspects.MinimumUnreferencedScans = session.Options.MinimumUnreferencedScans;
        if (_suspects.MinimumUnreferencedScans > 0)
        {
            request = request with { Suspects = _suspects, Parameters = request.Parameters with { WantsChecksums = true } };
        }

        return true;
    }

    /// <summary>Tells what a scheduled scan found that is new, and plans the next.</summary>
    public void OnReport(LeakReport report)
    {
        // What was never seen before is looked at again at once, one time: a check is a scan and, if it has news, a second.
        // In between the thread serves whoever waits for a report.
        _isConfirming = !_isConfirming && report.IsConclusive && _suspects.AwaitsConfirmation;
        _delay = _isConfirming ? s_confirmationDelay : _intervalTicks >= 0 ? Interval : session.Options.ScanInterval;
        _last = clock.GetTimestamp();
        if (!report.IsConclusive)
        {
            // As in kmemleak: a scan that was cut short reports nothing. The exit report tells about gaps.
            return;
        }

        IReadOnlyList<LeakGroup> found = session.History.TakeNew(report.Leaks);
        IReadOnlyList<MisuseGroup> misuse = session.History.TakeNew(report.Misuse);
        if (found.Count > 0 || misuse.Count > 0)
        {
            session.OnLeaksFound(report, found, misuse);
        }
    }
}
