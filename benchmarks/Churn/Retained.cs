// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Benchmarks.Churn;

/// <summary>What keeping blocks cost.</summary>
/// <param name="ResidentByteCount">By how much the process's resident memory grew.</param>
/// <param name="MetadataByteCount">By how much the recorder's own count of its metadata grew; 0 when it is off.</param>
internal sealed record Retained(long ResidentByteCount, long MetadataByteCount);
