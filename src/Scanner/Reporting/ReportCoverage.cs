// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>What the scan behind a report could and could not see.</summary>
public sealed record ReportCoverage
{
    /// <summary>How allocations were seen.</summary>
    public required string Tier { get; init; }

    /// <summary>What this tier cannot see, one sentence each.</summary>
    public required IReadOnlyList<string> Unseen { get; init; }

    /// <summary>How memory was read: <c>snapshot</c>, <c>concurrent</c>, <c>count</c> (not at all, by intent), or <c>none</c> when
    /// no scan was possible.</summary>
    public required string Mode { get; init; }

    /// <summary>How often memory was marked for this report: once in a snapshot; as often as it took while the process ran.</summary>
    public int Looks { get; init; } = 1;

    /// <summary>Whether nothing moved in the last look: it was a snapshot, or all threads were held. If not, several looks at moving
    /// memory agreed.</summary>
    public bool IsAtRest { get; init; } = true;

    /// <summary>How the managed heap was really read: <c>trace</c>, <c>precise</c>, <c>conservative</c> or <c>none</c>.</summary>
    public required string ManagedHeap { get; init; }

    /// <summary>Why it was read otherwise than asked, or what a precise reading could not do; empty when all went as
    /// asked.</summary>
    public string ManagedHeapReason { get; init; } = string.Empty;

    /// <summary>Threads of the process, the scanner's own apart.</summary>
    public int ThreadsFound { get; init; }

    /// <summary>Threads that stood still for the scan, so that their stacks and registers are known.</summary>
    public int ThreadsParked { get; init; }

    /// <summary>Bytes read as roots.</summary>
    public long RootBytes { get; init; }

    /// <summary>Bytes read inside blocks that were reached.</summary>
    public long BlockBytes { get; init; }

    /// <summary>Bytes that should have been read and could not be.</summary>
    public long UnreadableBytes { get; init; }

    /// <summary>What a reader should know about this scan, one sentence each.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}
