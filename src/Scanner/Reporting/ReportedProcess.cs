// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>The process a report is about.</summary>
/// <param name="Id">Process id.</param>
/// <param name="Name">Name of the application.</param>
/// <param name="Runtime">The .NET runtime and its version.</param>
/// <param name="OperatingSystem">The operating system and the processor.</param>
/// <param name="StartedAt">When the process started.</param>
/// <param name="ReportedAt">When the report was made.</param>
/// <param name="Reason">Why it was made.</param>
public sealed record ReportedProcess(
    int Id,
    string Name,
    string Runtime,
    string OperatingSystem,
    DateTimeOffset StartedAt,
    DateTimeOffset ReportedAt,
    ReportReason Reason);
