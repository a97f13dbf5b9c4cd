// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>What a suppression hid in one report.</summary>
/// <param name="Name">The suppression as it was written, without <c>leak:</c>.</param>
/// <param name="Source">Where it was written: file and line, or the member that carries the attribute.</param>
/// <param name="Hidden">The blocks it hid, with those that hang from them; none when nothing fitted.</param>
public sealed record SuppressionTotal(string Name, string Source, BlockTotal Hidden);
