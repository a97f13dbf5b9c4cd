// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>Blocks that one heuristic kept from being possible leaks.</summary>
/// <param name="Heuristic">Which one.</param>
/// <param name="Total">The blocks, and their bytes as asked for. What hangs from them is not counted.</param>
public sealed record HeuristicTotal(InteriorHeuristics Heuristic, BlockTotal Total);
