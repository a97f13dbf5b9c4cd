// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>
/// Trees, cycles and lists: which block leads a group, and what hangs from it. Nothing is inlined: reports tell sites apart
/// by their frames.
/// </summary>
internal static class Graphs
{
    private static nint s_root;
    private static nint s_otherRoot;

    public static IEnumerable<LeakCase> All =>
    [
        new("tree-intact", "tree-cut", [11],
            [Live("A"), Live("B"), Live("C"), Live("D"), Live("E"), Live("F"), Live("G")],
            static plan => Tree(plan, cut: false)),
        new("tree-cut", "tree-intact", [11],
            [Live("A"), Live("B"), Lost("C", references: 2), Lost("D", references: 0), Live("E"), Indirectly("F"), Indirectly("G")],
            static plan => Tree(plan, cut: true)),

        new("two-cycles-lost", "two-cycles-held", [12], [Group("P", 3), Group("Q", 3)],
            static plan =>
            {
                Ring(plan, "P", 3);
                Ring(plan, "Q", 3);
            }),
        new("two-cycles-held", "two-cycles-lost", [12], [Live("P", 3), Live("Q", 3)],
            static plan => (s_root, s_otherRoot) = (Ring(plan, "P", 3), Ring(plan, "Q", 3))),
        new("cycle-to-cycle-lost", "cycle-to-cycle-held", [13],
            [Group("P", 3) with { References = 5 }, Indirectly("Q", 3)], static plan => CycleToCycle(plan)),
        new("cycle-to-cycle-held", "cycle-to-cycle-lost", [13], [Live("P", 3), Live("Q", 3)],
            static plan => s_root = CycleToCycle(plan)),
        new("linked-cycles-lost", "linked-cycles-held", [14], [Group("P", 6)], static plan => LinkedCycles(plan)),
        new("linked-cycles-held", "linked-cycles-lost", [14], [Live("P", 6)],
            static plan => s_root = LinkedCycles(plan)),
        new("self-pointer-lost", "self-pointer-held", [15], [Lost("A", references: 0)], static plan => Ring(plan, "A", 1)),
        new("self-pointer-held", "self-pointer-lost", [15], [Live("A")], static plan => s_root = Ring(plan, "A", 1)),
        new("loop-of-two-lost", "loop-of-two-held", [16], [Group("A", 2)], static plan => Ring(plan, "A", 2)),
        new("loop-of-two-held", "loop-of-two-lost", [16], [Live("A", 2)], static plan => s_root = Ring(plan, "A", 2)),

        new("diamond-lost", "diamond-held", [17],
            [Lost("1", references: 3), Indirectly("2"), Indirectly("3"), Indirectly("4")], static plan => Diamond(plan)),
        new("diamond-held", "diamond-lost", [17], [Live("1"), Live("2"), Live("3"), Live("4")],
            static plan => s_root = Diamond(plan)),
        new("cycle-tail-lost", "cycle-tail-held", [18, 19], [Lost("1", references: 2), Indirectly("cycle", 2)],
            static plan => Headed(plan, "1", "cycle", 2)),
        new("cycle-tail-held", "cycle-tail-lost", [18, 19], [Live("1"), Live("cycle", 2)],
            static plan => s_root = Headed(plan, "1", "cycle", 2)),
        new("two-headed-cycles-lost", "two-headed-cycles-held", [20],
            [Lost("P", references: 2), Indirectly("p", 2), Lost("Q", references: 2), Indirectly("q", 2)],
            static plan =>
            {
                Headed(plan, "P", "p", 2);
                Headed(plan, "Q", "q", 2);
            }),
        new("two-headed-cycles-held", "two-headed-cycles-lost", [20],
            [Live("P"), Live("p", 2), Live("Q"), Live("q", 2)],
            static plan => (s_root, s_otherRoot) = (Headed(plan, "P", "p", 2), Headed(plan, "Q", "q", 2))),

        new("list-of-ten-held", "list-of-ten-unlinked", [23], [Live("node", 10)],
            static plan => s_root = List(plan, "node", 10)),
        new("list-of-ten-unlinked", "list-of-ten-held", [23], [Group("node", 10)],
            static plan =>
            {
                s_root = List(plan, "node", 10);
                s_root = 0;
            }),
    ];

    /// <summary>A ring of blocks of one name; gives one of them.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint Ring(Plan plan, string name, int count)
    {
        nint first = plan.Alloc(name);
        nint last = first;
        for (int i = 1; i < count; i++)
        {
            nint next = plan.Alloc(name);
            Words.Point(next, 0, last);
            last = next;
        }

        Words.Point(first, 0, last);
        return first;
    }

    /// <summary>A list of blocks of one name; gives its head.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint List(Plan plan, string name, int count)
    {
        nint head = 0;
        for (int i = 0; i < count; i++)
        {
            nint node = plan.Alloc(name);
            Words.Point(node, 0, head);
            head = node;
        }

        return head;
    }

    /// <summary>A block that points at a ring.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint Headed(Plan plan, string headName, string ringName, int count)
    {
        nint ring = Ring(plan, ringName, count);
        nint head = plan.Alloc(headName);
        Words.Point(head, 1, ring);
        return head;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint CycleToCycle(Plan plan)
    {
        nint second = Ring(plan, "Q", 3);
        nint first = Ring(plan, "P", 3);
        Words.Point(first, 1, second);
        return first;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint LinkedCycles(Plan plan)
    {
        nint first = Ring(plan, "P", 3);
        nint second = Ring(plan, "P", 3);
        Words.Point(first, 1, second);
        Words.Point(second, 1, first);
        return first;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Diamond(Plan plan)
    {
        nint bottom = plan.Alloc("4");
        nint left = plan.Alloc("2");
        nint right = plan.Alloc("3");
        nint top = plan.Alloc("1");
        Words.Point(left, 0, bottom);
        Words.Point(right, 0, bottom);
        Words.Point(top, 0, left);
        Words.Point(top, 1, right);
        return top;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Tree(Plan plan, bool cut)
    {
        nint a = plan.Alloc("A");
        nint b = plan.Alloc("B");
        nint c = plan.Alloc("C");
        Words.Point(b, 0, plan.Alloc("D"));
        Words.Point(b, 1, plan.Alloc("E"));
        Words.Point(c, 0, plan.Alloc("F"));
        Words.Point(c, 1, plan.Alloc("G"));
        Words.Point(a, 0, b);
        Words.Point(a, 1, c);
        if (cut)
        {
            Words.Point(b, 0, 0);
            Words.Point(a, 1, 0);
        }

        s_root = a;
    }
}
