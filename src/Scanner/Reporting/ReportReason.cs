// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>Why a report was made.</summary>
public enum ReportReason
{
    /// <summary>The process ends: return from Main, Environment.Exit, or an unhandled exception.</summary>
    Exit,

    /// <summary>A signal ends the process.</summary>
    Signal,

    /// <summary>The schedule's turn.</summary>
    Scan,

    /// <summary>Code asked (<see cref="LeakDetector.Scan"/>).</summary>
    Api,

    /// <summary>A checkpoint was due (option <c>checkpoint</c>).</summary>
    Checkpoint,
}
