// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.Scheduling;

namespace NativeLeak;

/// <summary>A stretch of a program whose leaks are found and told by themselves: see <see cref="LeakScope.Check"/>.</summary>
/// <remarks>Thread safety: all members. Cost: an allocation inside is noted in a side table (32 bytes, under a lock); <see
/// cref="End"/> is a scan of the whole process.</remarks>
public sealed class LeakCheck : IDisposable
{
    private readonly FlowingScope? _scope;
    private readonly uint _number;
    private int _isEnded;

    internal LeakCheck(string name, uint number)
    {
        Name = name;
        _number = number;
        _scope = number == 0 ? null : FlowingScope.Begin(number);
    }

    /// <summary>What reports call it.</summary>
    public string Name { get; }

    /// <summary>Ends the check, scans, and waits for the report. It lists only leaks of blocks that were allocated inside,
    /// whatever their age; totals of leaks are of those too, what is live and reachable is of the whole process. May be
    /// called again: the same blocks are judged anew.</summary>
    /// <param name="cancellationToken">Ends the wait; what the scan finds is then dropped.</param>
    /// <exception cref="InvalidOperationException">The detector does not run, or did not when the check began.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public LeakReport End(CancellationToken cancellationToken = default)
        => EndAsync(cancellationToken).GetAwaiter().GetResult();

    /// <summary>As <see cref="End"/>; the task ends with the report. Call it in the method that began the check: the scope
    /// ends at the call.</summary>
    /// <param name="cancellationToken">Cancels the task; what the scan finds is then dropped.</param>
    /// <exception cref="InvalidOperationException">The detector does not run, or did not when the check began.</exception>
    /// <exception cref="OperationCanceledException">The task was cancelled (when it is awaited).</exception>
    public Task<LeakReport> EndAsync(CancellationToken cancellationToken = default)
    {
        Leave();
        return LeakDetector.Running(_number == 0 ? null : Startup.Session).CheckAsync(_number, Name, cancellationToken);
    }

    /// <summary>Ends the check. When <see cref="End"/> was not called before and a detector runs, it scans, and leaks that it
    /// finds are written where reports go and told by <see cref="LeakDetector.LeaksFound"/>.</summary>
    public void Dispose()
    {
        if (Leave() && _number != 0 && Startup.Session is { } session)
        {
            LeakReport report = session.CheckAsync(_number, Name, CancellationToken.None).GetAwaiter().GetResult();
            if (report is { IsConclusive: true, HasLeaks: true })
            {
                session.OnLeaksFound(report, report.Leaks, []);
            }
        }
    }

    // Order: one caller ends it.
    private bool Leave()
    {
        bool isFirst = Interlocked.Exchange(ref _isEnded, 1) == 0;
        if (isFirst)
        {
            _scope?.End();
        }

        return isFirst;
    }
}
