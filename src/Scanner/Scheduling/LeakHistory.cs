// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Reporting;

namespace NativeLeak.Scheduling;

/// <summary>Remembers which leaks were already told, so that a schedule tells each only once (kmemleak's REPORTED flag,
/// per site instead of per block). Not thread-safe: the scanner thread's own.</summary>
internal sealed class LeakHistory
{
    private Dictionary<(string Fingerprint, LeakKind Kind), long>? _blocks;
    private HashSet<string>? _misuse;

    /// <summary>The mistakes that no earlier call was given, and remembers them.</summary>
    public IReadOnlyList<MisuseGroup> TakeNew(IReadOnlyList<MisuseGroup> misuse)
    {
        HashSet<string> known = _misuse ??= [];
        return [.. misuse.Where(group => known.Add(MisuseDescriber.Identity(group)))];
    }

    /// <summary>The groups with more blocks than at any earlier call, and remembers them.</summary>
    public IReadOnlyList<LeakGroup> TakeNew(IReadOnlyList<LeakGroup> groups)
    {
        _blocks ??= [];
        // Two sites may share a fingerprint (two identical lambdas): their blocks count together.
        Dictionary<(string Fingerprint, LeakKind Kind), long> now = [];
        foreach (LeakGroup group in groups)
        {
            now[(group.Fingerprint, group.Kind)]
                = now.GetValueOrDefault((group.Fingerprint, group.Kind)) + group.Total.Blocks;
        }

        List<LeakGroup> result = [.. groups.Where(group
            => now[(group.Fingerprint, group.Kind)] > _blocks.GetValueOrDefault((group.Fingerprint, group.Kind)))];
        foreach (((string Fingerprint, LeakKind Kind) key, long blocks) in now)
        {
            _blocks[key] = Math.Max(blocks, _blocks.GetValueOrDefault(key));
        }

        return result;
    }
}
