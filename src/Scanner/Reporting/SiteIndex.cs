// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Reflection;
using System.Text;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Reporting;

/// <summary>One line of source that allocates: the sites of the depot that differ only by how the code was
/// compiled.</summary>
internal sealed record ReportedSite(string Identity, string Allocator, IReadOnlyList<CallFrame> Frames);

/// <summary>
/// Finds for a depot's site the line of source it stands for. The same line gets several sites when its method is
/// compiled again (tiers, on-stack replacement) or when the allocating API is inlined into it; what stays is methods
/// and IL offsets.
/// </summary>
internal sealed class SiteIndex(IReportFacts facts)
{
    private readonly Dictionary<(uint Site, AllocationApi Api), ReportedSite> _bySite = [];
    private readonly Dictionary<string, ReportedSite> _byIdentity = [];
    private readonly Dictionary<MethodBase, string> _methodIds = [];

    /// <summary>The line of a site.</summary>
    public ReportedSite Get(uint site, AllocationApi api)
    {
        if (_bySite.TryGetValue((site, api), out ReportedSite? known))
        {
            return known;
        }

        IReadOnlyList<CallFrame> frames = facts.GetFrames(site);
        string allocator = AllocatorNames.Find(api, frames);
        string identity = Identify(allocator, frames);
        if (!_byIdentity.TryGetValue(identity, out ReportedSite? line))
        {
            line = new ReportedSite(identity, allocator, frames);
            _byIdentity.Add(identity, line);
        }

        _bySite.Add((site, api), line);
        return line;
    }

    private string Identify(string allocator, IReadOnlyList<CallFrame> frames)
    {
        StringBuilder text = new(allocator);
        // By which ways through .NET a line of the user's was reached is nothing that a user can mend: a request handler is called
        // by some dozen of them.
        bool isUsers = frames.Any(static frame => !Fingerprint.IsFramework(frame));
        for (int i = AllocatorNames.CountApiFrames(frames); i < frames.Count; i++)
        {
            CallFrame frame = frames[i];
            if (isUsers && Fingerprint.IsFramework(frame))
            {
                continue;
            }

            text.Append('\n').Append(frame.Method is { } method ? MethodId(method) : KeptId(frame));
            if (!Fingerprint.IsFramework(frame))
            {
                text.Append('+').Append(frame.ILOffset.ToString(CultureInfo.InvariantCulture));
            }
        }

        return text.ToString();
    }

    // The same plugin, loaded again: its methods are other objects with the same names.
    private static string KeptId(in CallFrame frame)
        => frame.AssemblyName + "!" + frame.Name + "#" + frame.Kept?.Ordinal;

    private string MethodId(MethodBase method)
    {
        if (!_methodIds.TryGetValue(method, out string? id))
        {
            id = _methodIds.Count.ToString(CultureInfo.InvariantCulture);
            _methodIds.Add(method, id);
        }

        return id;
    }
}
