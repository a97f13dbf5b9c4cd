// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Valgrind's nine pointer chains: a root, two blocks, and pointers to their start or to their inside.</summary>
internal static class Chains
{
    private const string InteriorIsStart = "interior=1";
    private const int Inside = 8;

    private static nint s_root;

    public static IEnumerable<LeakCase> All =>
    [
        new("chain-1", "chain-3", [1], [Live("A")], static plan => s_root = plan.Alloc("A")),
        new("chain-2", "chain-4", [2], [Live("A"), Live("B")], static plan => s_root = Linked(plan, 0)),
        new("chain-3", "chain-1", [3], [Lost("A")], static plan => plan.Alloc("A")),
        new("chain-4", "chain-2", [4], [Lost("A", references: 1), Indirectly("B")], static plan => Linked(plan, 0)),
        new("chain-5", "chain-1", [5], [Possibly("A")], static plan => s_root = plan.Alloc("A") + Inside),
        new("chain-6", "chain-2", [6], [Live("A"), Possibly("B")], static plan => s_root = Linked(plan, Inside)),
        new("chain-7", "chain-2", [7], [Possibly("A"), Possibly("B")], static plan => s_root = Linked(plan, 0) + Inside),
        new("chain-8", "chain-2", [8], [Possibly("A"), Possibly("B")],
            static plan => s_root = Linked(plan, Inside) + Inside),
        new("chain-9", "chain-6", [9], [Lost("A", references: 1), Indirectly("B")], static plan => Linked(plan, Inside)),

        new("chain-5-interior-is-start", "chain-5", [10], [Live("A")], static plan => s_root = plan.Alloc("A") + Inside)
        {
            Options = InteriorIsStart,
        },
        new("chain-6-interior-is-start", "chain-6", [10], [Live("A"), Live("B")],
            static plan => s_root = Linked(plan, Inside))
        {
            Options = InteriorIsStart,
        },
        new("chain-7-interior-is-start", "chain-7", [10], [Live("A"), Live("B")],
            static plan => s_root = Linked(plan, 0) + Inside)
        {
            Options = InteriorIsStart,
        },
        new("chain-8-interior-is-start", "chain-8", [10], [Live("A"), Live("B")],
            static plan => s_root = Linked(plan, Inside) + Inside)
        {
            Options = InteriorIsStart,
        },
    ];

    /// <summary>A holds B + offset.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Linked(Plan plan, int offset)
    {
        nint b = plan.Alloc("B");
        nint a = plan.Alloc("A");
        Words.Point(a, 3, b + offset);
        return a;
    }
}
