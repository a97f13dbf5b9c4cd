// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Blocks whose users hold the inside: behind a length, a count, a header, at a second interface.</summary>
internal static unsafe class Headers
{
    private const int CookieByteCount = 8;

    // Of 2,009 bytes, which A has, a cookie leaves a whole number of these.
    private const int ElementByteCount = 3;

    private static nint s_root;

    public static IEnumerable<LeakCase> All =>
    [
        .. Pair("length64", "length64", static plan =>
        {
            nint a = plan.Alloc("A");
            *(long*)a = plan.SizeOf("A") - CookieByteCount;
            return a + CookieByteCount;
        }),
        .. Pair("array-cookie", "newarray", static plan =>
        {
            nint a = plan.Alloc("A");
            *(long*)a = (plan.SizeOf("A") - CookieByteCount) / ElementByteCount;
            return a + CookieByteCount;
        }),
        .. Pair("references-and-length", "header", static plan =>
        {
            const int HeaderByteCount = 16;
            nint a = plan.Alloc("A");
            *(int*)a = 1;
            *(int*)(a + 4) = plan.SizeOf("A") - HeaderByteCount;
            return a + HeaderByteCount;
        }),
        .. Pair("aligned-by-hand", "header", static plan =>
        {
            const int Alignment = 256;
            nint a = plan.Alloc("A");
            nint aligned = (a + sizeof(nint) + Alignment - 1) & ~(Alignment - 1);
            ((nint*)aligned)[-1] = a;
            return aligned;
        }),
        .. Pair("second-interface", "multipleinheritance", static plan =>
        {
            // Tables in memory of the program's own kind: tracked blocks, held by the object alone.
            const int Second = 24;
            nint a = plan.Alloc("A");
            *(nint*)a = Table(plan, "B");
            *(nint*)(a + Second) = Table(plan, "B");
            return a + Second;
        }, tables: 2),
    ];

    // Two cases that differ in the option alone: with it the block is live, without it possible.
    private static LeakCase[] Pair(string name, string heuristic, Func<Plan, nint> make, int tables = 0)
    {
        return
        [
            new($"{name}-by-heuristic", $"{name}-without", [110], tables == 0 ? [Live("A")] : [Live("A"), Live("B", tables)], Plant)
            {
                Options = "heuristics=" + heuristic,
            },
            new($"{name}-without", $"{name}-by-heuristic", [110], tables == 0 ? [Possibly("A")] : [Possibly("A"), Possibly("B", tables)], Plant),
        ];

        void Plant(Plan plan) => s_root = make(plan);
    }

    private static nint Table(Plan plan, string name)
    {
        nint table = plan.Alloc(name);
        for (int i = 0; i < 3; i++)
        {
            ((nint*)table)[i] = (nint)(delegate* unmanaged<int>)&AddReference;
        }

        return table;
    }

    [UnmanagedCallersOnly]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int AddReference() => 1;
}
