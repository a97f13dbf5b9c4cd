// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Verdicts;

namespace NativeLeak.Reporting;

/// <summary>Collects the holders of one group's blocks. Addresses are kept complemented.</summary>
internal sealed class HolderTally
{
    // Blocks of one line of source are lost by few others; what comes later is counted for none.
    private const int MaximumPlaces = 16;

    private readonly Dictionary<(HolderKind Kind, ulong Place), (ulong Place, uint Seen, long Blocks)> _last = [];
    private HolderInfo _holder;

    /// <summary>What holds the first block that anything holds; of kind None when nothing does.</summary>
    public HolderInfo Holder => _holder.Complemented();

    /// <summary>What last held most of the blocks; null when no scan saw any of them held.</summary>
    public (HolderEntry Entry, long Blocks)? Last
    {
        get
        {
            (ulong Place, uint Seen, long Blocks) most = default;
            foreach ((ulong Place, uint Seen, long Blocks) candidate in _last.Values)
            {
                most = candidate.Blocks > most.Blocks ? candidate : most;
            }

            return most.Blocks == 0 ? null : (new HolderEntry { Place = ~most.Place, Seen = most.Seen }, most.Blocks);
        }
    }

    /// <summary>Adds what is known of a block.</summary>
    public void Add(in LostDetail detail)
    {
        if (_holder.Kind == HolderKind.None)
        {
            _holder = detail.Holder.Complemented();
        }

        HolderEntry last = detail.Last;
        if (last.Kind == HolderKind.None)
        {
            return;
        }

        // Slots of one stack, and elements of one array, are one place.
        HolderInfo info = last.Unpack();
        ulong place = info.Kind switch
        {
            HolderKind.Object => info.Container,
            HolderKind.Block => last.Place,
            HolderKind.Stack or HolderKind.Register => (uint)info.ThreadId,
            _ => 0,
        };
        if (_last.TryGetValue((info.Kind, ~place), out (ulong Place, uint Seen, long Blocks) known))
        {
            _last[(info.Kind, ~place)] = last.Scan > new HolderEntry { Seen = known.Seen }.Scan
                ? (~last.Place, last.Seen, known.Blocks + 1)
                : (known.Place, known.Seen, known.Blocks + 1);
        }
        else if (_last.Count < MaximumPlaces)
        {
            _last.Add((info.Kind, ~place), (~last.Place, last.Seen, 1));
        }
    }
}
