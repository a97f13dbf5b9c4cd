// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Cli;

/// <summary>What the tool's exit codes mean.</summary>
internal static class ExitCode
{
    /// <summary>It went well, and nothing was asked that failed.</summary>
    public const int Success = 0;

    /// <summary>The command line was wrong.</summary>
    public const int Usage = 2;

    /// <summary>A verdict was asked for, and the scan proves nothing.</summary>
    public const int Inconclusive = 3;

    /// <summary>Leaks were found where a verdict was asked for; LeakSanitizer's number.</summary>
    public const int Leaks = 23;

    /// <summary>The tool itself failed; this and the next two are the shells' habit (env, timeout, xargs).</summary>
    public const int ToolFailed = 125;

    /// <summary>The command is there and cannot be started.</summary>
    public const int CannotStart = 126;

    /// <summary>The command is not there.</summary>
    public const int NotFound = 127;
}
