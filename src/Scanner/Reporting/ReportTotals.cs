// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>All blocks of the process at the moment of the scan, per verdict.</summary>
public sealed record ReportTotals
{
    /// <summary>All blocks that are allocated.</summary>
    public BlockTotal Live { get; init; }

    /// <summary>Blocks that something in the process still points to.</summary>
    public BlockTotal Reachable { get; init; }

    /// <summary>Of <see cref="Reachable"/>: blocks that only words of doubtful worth hold (holes in the runtime's own
    /// frames, memory below stack pointers, freed memory, the compiler's memory), directly or through other blocks and objects.</summary>
    public BlockTotal WeaklyHeld { get; init; }

    /// <summary>Blocks that nothing points to.</summary>
    public BlockTotal Definite { get; init; }

    /// <summary>Blocks that only lost blocks point to.</summary>
    public BlockTotal Indirect { get; init; }

    /// <summary>Blocks that only interior pointers lead to.</summary>
    public BlockTotal Possible { get; init; }

    /// <summary>Unreachable blocks that are too young to be judged.</summary>
    public BlockTotal Young { get; init; }

    /// <summary>Blocks that a scheduled scan found unreachable for the first times, or whose content changes: not reported
    /// yet (<see cref="LeakDetectorOptions.MinimumUnreferencedScans"/>).</summary>
    public BlockTotal Unconfirmed { get; init; }

    /// <summary>Blocks declared not a leak.</summary>
    public BlockTotal Ignored { get; init; }

    /// <summary>Leaks that a suppression hides.</summary>
    public BlockTotal Suppressed { get; init; }

    /// <summary>Definite, indirect and possible leaks together.</summary>
    public BlockTotal Leaked => Definite + Indirect + Possible;
}
