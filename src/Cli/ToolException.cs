// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Cli;

/// <summary>Ends the tool with a sentence on standard error and an exit code.</summary>
internal sealed class ToolException : Exception
{
    public ToolException()
    {
    }

    public ToolException(string message)
        : base(message)
    {
    }

    public ToolException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    public ToolException(int exitCode, string message)
        : base(message) => ExitCode = exitCode;

    /// <summary>How the tool ends.</summary>
    public int ExitCode { get; } = Cli.ExitCode.ToolFailed;
}
