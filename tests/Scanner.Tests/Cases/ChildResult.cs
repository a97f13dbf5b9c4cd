// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>What a child process left behind.</summary>
/// <param name="ExitCode">Its exit code; null when it had to be ended.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Error">Its standard error.</param>
/// <param name="Report">The JSON report it wrote, null when there is none.</param>
internal sealed record ChildResult(int? ExitCode, string Output, string Error, JsonElement? Report)
{
    /// <summary>The report.</summary>
    public JsonElement RequiredReport
    {
        get
        {
            Assert.That(Report, Is.Not.Null, () => $"no report was written; exit code {ExitCode}; stderr: {Error}");
            return Report!.Value;
        }
    }

    /// <summary>Everything an outside observer of the process sees.</summary>
    public (int? ExitCode, string Output, string Error) Visible => (ExitCode, Output, Error);
}
