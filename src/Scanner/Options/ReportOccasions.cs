// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>When reports are written that nobody asks for (option <c>report_at</c>).</summary>
[Flags]
public enum ReportOccasions
{
    /// <summary>None: reports come only from the schedule and from <see cref="LeakDetector.Scan"/>.</summary>
    None = 0,

    /// <summary>Return from Main, Environment.Exit, and an unhandled exception.</summary>
    Exit = 1,

    /// <summary>SIGTERM, SIGINT, SIGHUP and SIGQUIT, when they really end the process.</summary>
    Signal = 2,

    /// <summary>While the process runs, at intervals and whenever live bytes double, if
    /// <see cref="LeakDetectorOptions.Checkpoint"/> is set.</summary>
    Checkpoint = 4,
}
