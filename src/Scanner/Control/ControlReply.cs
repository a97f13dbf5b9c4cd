// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Scheduling;

namespace NativeLeak.Control;

/// <summary>What comes of a command: a result, an error, or a scan that will give one.</summary>
internal sealed class ControlReply
{
    private readonly ScanRequest? _scan;
    private readonly CancellationTokenSource? _cancellation;
    private readonly Func<LeakReport, (byte[]? Result, string? Error)>? _render;

    private ControlReply(byte[]? result, string? error) => (Result, Error) = (result, error);

    private ControlReply(ScanRequest scan, CancellationTokenSource cancellation, Func<LeakReport, (byte[]? Result, string? Error)> render)
        => (_scan, _cancellation, _render) = (scan, cancellation, render);

    /// <summary>The result.</summary>
    public byte[]? Result { get; private set; }

    /// <summary>Why there is none.</summary>
    public string? Error { get; private set; }

    /// <summary>Whether the detector stops when this was sent.</summary>
    public bool StopsDetector { get; private init; }

    /// <summary>A result that is there.</summary>
    public static ControlReply Of(byte[] result) => new(result, null);

    /// <summary>The answer after which the detector stops.</summary>
    public static ControlReply OfStop(byte[] result) => new(result, null) { StopsDetector = true };

    /// <summary>A refusal.</summary>
    public static ControlReply Refuse(string error) => new(null, error);

    /// <summary>What a scan will give.</summary>
    public static ControlReply Await(ScanRequest scan, CancellationTokenSource cancellation, Func<LeakReport, (byte[]? Result, string? Error)> render)
        => new(scan, cancellation, render);

    /// <summary>Whether <see cref="Result"/> or <see cref="Error"/> is there. Looks, and never waits: nothing of this runs
    /// on the application's pool.</summary>
    public bool IsDone()
    {
        if (_scan is null || Result is not null || Error is not null)
        {
            return true;
        }

        if (!_scan.Result.IsCompleted)
        {
            return false;
        }

        if (_scan.Result.IsCompletedSuccessfully)
        {
            (Result, Error) = _render!(_scan.Result.Result);
            if (Result?.Length > ControlFrame.MaximumResultByteCount)
            {
                (Result, Error) = (null, "the report is too large for the channel: lower max_leaks");
            }
        }
        else
        {
            Error = "the scan was cancelled";
        }

        return true;
    }

    /// <summary>Nobody waits for it any more.</summary>
    public void Cancel() => _cancellation?.Cancel();
}
