// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>The scan a report comes from.</summary>
/// <param name="Number">Running number in the process, from 1; 0 when no scan ran.</param>
/// <param name="PauseTime">How long the threads of the process stood still.</param>
/// <param name="Duration">How long the whole scan took.</param>
public sealed record ReportedScan(int Number, TimeSpan PauseTime, TimeSpan Duration);
