// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Reporting;

namespace NativeLeak.Scheduling;

/// <summary>One scan that somebody waits for. The result is a report in every case but cancellation.</summary>
internal sealed class ScanRequest(ReportRequest report, CancellationToken cancellation)
{
    // Continuations must not run on the scanner thread: they are the application's.
    private readonly TaskCompletionSource<LeakReport> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What the report is made for.</summary>
    public ReportRequest Report => report;

    /// <summary>The report, when it is there.</summary>
    public Task<LeakReport> Result => _result.Task;

    /// <summary>Whether its owner does not want it any more.</summary>
    public bool IsCancelled => cancellation.IsCancellationRequested;

    /// <summary>Ends the request as cancelled when its owner asked for that; true when it needs no work any
    /// more.</summary>
    public bool EndIfCancelled()
        => cancellation.IsCancellationRequested && (_result.TrySetCanceled(cancellation) || _result.Task.IsCompleted);

    /// <summary>Hands over the report; a cancelled request gets none.</summary>
    public void Complete(LeakReport result)
    {
        if (!EndIfCancelled())
        {
            _result.TrySetResult(result);
        }
    }
}
