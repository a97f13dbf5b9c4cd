// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Marking;

/// <summary>A scan that is laid out and not run yet: its result pages, and what its outcome will say of it.</summary>
internal readonly record struct PreparedScan(
    DateTimeOffset StartedAt,
    long Started,
    nuint Lost,
    nuint LostByteCount,
    nuint Details,
    nuint DetailByteCount,
    ManagedHeapMode ManagedHeap,
    string ManagedHeapReason,
    long SampleInterval);
