// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Cli.Reports;

/// <summary>A text that is no report, or half of one. The message says where.</summary>
internal sealed class ReportFormatException : Exception
{
    public ReportFormatException()
    {
    }

    public ReportFormatException(string message)
        : base(message)
    {
    }

    public ReportFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
