// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;

namespace NativeLeak.Reporting;

/// <summary>What a report says about the process it comes from.</summary>
internal static class ProcessFacts
{
    private static readonly Lazy<DateTimeOffset> s_startedAt = new(FindStart);

    /// <summary>Name of the application: its entry assembly, or else its executable.</summary>
    public static string Name { get; } = Assembly.GetEntryAssembly()?.GetName().Name
        ?? Path.GetFileNameWithoutExtension(Environment.ProcessPath)
        ?? "unknown";

    /// <summary>Describes this process now.</summary>
    public static ReportedProcess Describe(ReportReason reason) => new(
        Environment.ProcessId,
        Name,
        RuntimeInformation.FrameworkDescription,
        RuntimeInformation.OSDescription + " " + RuntimeInformation.ProcessArchitecture,
        s_startedAt.Value,
        DateTimeOffset.UtcNow,
        reason);

    private static DateTimeOffset FindStart()
    {
        try
        {
            using Process self = Process.GetCurrentProcess();
            return new DateTimeOffset(self.StartTime).ToUniversalTime();
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // /proc can be hidden; the first report's time is then the best that is known.
            return DateTimeOffset.UtcNow;
        }
    }
}
