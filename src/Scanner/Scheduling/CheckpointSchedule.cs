// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: writes reports while the program runs, so that one is there when the process is killed without warning.
// Who calls it: the scanner thread.
// The one idea: memory that runs out grows first; besides the timer, live bytes that have doubled since the last
// checkpoint are a reason for one (the heap profiler of gperftools dumps so, too).
using NativeLeak.Reporting;

namespace NativeLeak.Scheduling;

/// <summary>When checkpoints are due (options <c>checkpoint</c> and <c>report_at</c>).</summary>
/// <param name="session">Whose options count, and who writes.</param>
/// <param name="readLiveBytes">Bytes of the recorded blocks that are live.</param>
/// <param name="clock">The time; tests have one of their own.</param>
internal sealed class CheckpointSchedule(DetectorSession session, Func<long> readLiveBytes, TimeProvider clock) : IScanOccasion
{
    /// <summary>What little programs double is of no interest: growth counts from here.</summary>
    public const long LeastBytes = 8L << 20;

    // A process that is about to be killed for its memory seldom doubles it within less; one sum of counters each.
    private static readonly TimeSpan s_lookInterval = TimeSpan.FromSeconds(1);

    private long _written;
    private long _looked;
    private long _bytes;

    private TimeSpan Interval
        => session.Options.ReportAt.HasFlag(ReportOccasions.Checkpoint) ? session.Options.Checkpoint : TimeSpan.Zero;

    /// <inheritdoc/>
    public void Begin()
    {
        _written = _looked = clock.GetTimestamp();
        _bytes = LeastBytes;
    }

    /// <inheritdoc/>
    public void Change()
    {
        // The options are read each time.
    }

    /// <inheritdoc/>
    public TimeSpan? DueIn()
    {
        TimeSpan interval = Interval;
        if (interval <= TimeSpan.Zero)
        {
            return null;
        }

        TimeSpan timer = interval - clock.GetElapsedTime(_written);
        TimeSpan look = s_lookInterval - clock.GetElapsedTime(_looked);
        return timer < look ? timer : look;
    }

    /// <inheritdoc/>
    public bool TryCreateRequest(out ReportRequest request)
    {
        _looked = clock.GetTimestamp();
        if (clock.GetElapsedTime(_written) < Interval && readLiveBytes() < 2 * _bytes)
        {
            request = default;
            return false;
        }

        request = session.CreateRequest(ReportReason.Checkpoint, session.Options.MinimumAge);
        return true;
    }

    /// <inheritdoc/>
    public void OnReport(LeakReport report)
    {
        _written = _looked = clock.GetTimestamp();
        _bytes = Math.Max(LeastBytes, readLiveBytes());
        session.OnCheckpoint(report);
    }
}
