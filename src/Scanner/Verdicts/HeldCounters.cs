// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Verdicts;

/// <summary>How blocks that count as reachable are held, where that is less than a pointer to their start in good
/// memory. Part of <see cref="ScanCounters"/>, written by the child.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HeldCounters
{
    /// <summary>Blocks that only a heuristic kept from being possible, per heuristic in the order of its bit.</summary>
    public fixed long SavedBlocks[Heuristics.Count];

    /// <summary>Their bytes.</summary>
    public fixed long SavedBytes[Heuristics.Count];

    /// <summary>Reachable blocks that only words of doubtful worth hold, directly or through others.</summary>
    public long FrailBlocks;

    /// <summary>Their bytes.</summary>
    public long FrailBytes;

    /// <summary>Bytes of memory whose words are of doubtful worth.</summary>
    public long FrailRootBytes;
}
