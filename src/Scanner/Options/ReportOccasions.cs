// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>Which ends of the process are reported (option <c>report_at</c>).</summary>
[Flags]
public enum ReportOccasions
{
    /// <summary>None: reports come only from the schedule and from <see cref="LeakDetector.Scan"/>.</summary>
    None = 0,

    /// <summary>Return from Main, Environment.Exit, and an unhandled exception.</summary>
    Exit = 1,

    /// <summary>SIGTERM, SIGINT, SIGHUP and SIGQUIT, when they really end the process.</summary>
    Signal = 2,
}
