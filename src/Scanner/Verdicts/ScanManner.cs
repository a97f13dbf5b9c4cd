// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Verdicts;

/// <summary>How a scan read the process.</summary>
/// <param name="Mode">From a copy, or while it ran.</param>
/// <param name="Reason">Why so and not otherwise, one sentence; null when it was asked for, or is the default.</param>
/// <param name="Looks">How often memory was marked for the verdicts that are told.</param>
/// <param name="IsAtRest">Whether nothing moved in the last look.</param>
internal readonly record struct ScanManner(ScanMode Mode, string? Reason, int Looks, bool IsAtRest)
{
    /// <summary>From one copy.</summary>
    public static ScanManner Snapshot { get; } = new(ScanMode.Snapshot, null, 1, true);
}
