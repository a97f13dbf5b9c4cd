// Licensed under the MIT License. See LICENSE in the repository root.
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Graphs that a recursive or quadratic marker does not survive.</summary>
internal static class BigGraphs
{
    private const int RingLength = 1000;
    private const int ChainLength = 1_000_000;

    // Chunks of 48 bytes: all of them fit into the planting thread's first heap. Beyond it they would lie where others were.
    private const int ChainNodeSize = 33;

    private static nint s_root;

    public static IEnumerable<LeakCase> All =>
    [
        new("ring-of-1000-headed-lost", "ring-of-1000-headed-held", [21],
            [Lost("head", references: RingLength), Indirectly("ring", RingLength)],
            static plan => Graphs.Headed(plan, "head", "ring", RingLength)),
        new("ring-of-1000-headed-held", "ring-of-1000-headed-lost", [21], [Live("head"), Live("ring", RingLength)],
            static plan => s_root = Graphs.Headed(plan, "head", "ring", RingLength)),
        new("ring-of-1000-lost", "ring-of-1000-held", [22], [Group("ring", RingLength)],
            static plan => Graphs.Ring(plan, "ring", RingLength)),
        new("ring-of-1000-held", "ring-of-1000-lost", [22], [Live("ring", RingLength)],
            static plan => s_root = Graphs.Ring(plan, "ring", RingLength)),
        new("chain-of-a-million-lost", "chain-of-a-million-held", [24],
            [Group("node", ChainLength) with { Size = ChainNodeSize }],
            static plan => Graphs.List(plan, "node", ChainLength)),
        new("chain-of-a-million-held", "chain-of-a-million-lost", [24],
            [Live("node", ChainLength) with { Size = ChainNodeSize }],
            static plan => s_root = Graphs.List(plan, "node", ChainLength)),
    ];
}
