// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Reporting;

/// <summary>A lost block of a scan's list, and the group it belongs to.</summary>
/// <param name="Index">Its place in the list.</param>
/// <param name="Kind">Kind of the leak.</param>
/// <param name="Site">Where it comes from.</param>
/// <param name="Tag">Its tag; null without one.</param>
internal readonly record struct ListedBlock(int Index, LeakKind Kind, ReportedSite Site, string? Tag);
