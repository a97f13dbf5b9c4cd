// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Reporting;

/// <summary>A lost block of a scan's list, and the group it belongs to.</summary>
/// <param name="Index">Its place in the list.</param>
/// <param name="Group">The group: one object for all its blocks.</param>
internal readonly record struct ListedBlock(int Index, ListedGroup Group);

/// <summary>What the blocks of a group have in common. Compared as the object it is: an identity is a long text.</summary>
/// <param name="kind">Kind of the leak.</param>
/// <param name="site">Where they come from.</param>
/// <param name="tag">Their tag; null without one.</param>
internal sealed class ListedGroup(LeakKind kind, ReportedSite site, string? tag)
{
    /// <summary>Kind of the leak.</summary>
    public LeakKind Kind => kind;

    /// <summary>Where they come from.</summary>
    public ReportedSite Site => site;

    /// <summary>Their tag; null without one.</summary>
    public string? Tag => tag;
}
