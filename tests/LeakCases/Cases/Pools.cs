// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Memory that is allocated in one piece and handed out in many (Valgrind's memory pools).</summary>
internal static unsafe class Pools
{
    private const int Meta = 1;
    private const int AutoFree = 2;
    private const int CellByteCount = 77;
    private const int CutCellByteCount = 40;
    private const int CellStride = 96;
    private const int InnerByteCount = 23;
    private const int InnerStride = 32;
    private const int SuperByteCount = 16_009;
    private const int MetaBlockByteCount = 4096;
    private const int InnerCount = 10;

    // Complemented: a static that holds the superblock would hold the cell that begins there.
    private static nuint s_hiddenSuper;
    private static nint[] s_cells = [];

    public static IEnumerable<LeakCase> All =>
    [
        .. Pair("pool-cells", [105], 100, static (plan, held) =>
        {
            object? pool = Create(0);
            s_cells = Cells(plan, pool, 100);
            if (!held)
            {
                Array.Clear(s_cells);
            }
        }),

        new("pool-trimmed", "pool-not-trimmed", [106],
            [Cell("A", 2), Lost("B") with { Size = CutCellByteCount }], static plan =>
        {
            object? pool = Create(0);
            Cells(plan, pool, 2);
            AllocCell(plan, pool, 2, "B");
            AllocCell(plan, pool, 3, null);
            AllocCell(plan, pool, 4, null);
            HintApi.Pool(pool, "Trim", Words.Reveal(s_hiddenSuper), (nuint)((2 * CellStride) + CutCellByteCount));
        }),
        new("pool-not-trimmed", "pool-trimmed", [106], [Cell("A", 5)], static plan => Cells(plan, Create(0), 5)),

        new("pool-destroyed", "pool-not-destroyed", [107], [Forgotten("A", 5) with { Size = CellByteCount }, Lost("super") with { Size = SuperByteCount }],
            static plan =>
        {
            plan.Note("super");
            object? pool = Create(0);
            Cells(plan, pool, 5);
            HintApi.Pool(pool, "Destroy");
        }),
        new("pool-not-destroyed", "pool-destroyed", [107], [Cell("A", 5)], static plan => Cells(plan, Create(0), 5)),

        new("pool-superblock-freed", "pool-not-destroyed", [107], [Forgotten("A", 5) with { Size = CellByteCount }],
            static plan =>
        {
            Cells(plan, Create(0), 5);
            Marshal.FreeHGlobal(Words.Reveal(s_hiddenSuper));
        }),

        new("metapool-block-freed", "metapool-block-freed-automatically", [108],
            [Lost("A", 2 * InnerCount) with { Size = InnerByteCount, Tolerance = 0 }], static plan => TwoLevels(plan, Meta)),
        new("metapool-block-freed-automatically", "metapool-block-freed", [108],
            [Forgotten("A", 2 * InnerCount) with { Size = InnerByteCount }], static plan => TwoLevels(plan, Meta | AutoFree)),
        new("two-levels-without-metapool", "metapool-block-freed", [109],
            [Forgotten("A", 2 * InnerCount) with { Size = InnerByteCount }], static plan => TwoLevels(plan, 0)),
    ];

    private static ExpectedBlock Cell(string name, int count) => Lost(name, count) with { Size = CellByteCount, Tolerance = 0 };

    private static LeakCase[] Pair(string name, int[] scenarios, int count, Action<Plan, bool> plant) =>
    [
        new($"{name}-held", $"{name}-dropped", scenarios, [Live("A", count) with { Size = CellByteCount }],
            plan => plant(plan, true)),
        new($"{name}-dropped", $"{name}-held", scenarios, [Cell("A", count)], plan => plant(plan, false)),
    ];

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static object? Create(int kinds)
    {
        CHeapGround.Prepare(SuperByteCount);
        nint super = Marshal.AllocHGlobal(SuperByteCount);
        s_hiddenSuper = Words.Hide(super);
        NativeMemory.Clear((void*)super, SuperByteCount);
        CHeapGround.Fence(SuperByteCount);
        return HintApi.CreatePool(super, SuperByteCount, kinds);
    }

    // The first cell begins where the superblock does; what is between them holds pointers to all of them.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint[] Cells(Plan plan, object? pool, int count)
    {
        nint[] cells = new nint[count];
        for (int i = 0; i < count; i++)
        {
            cells[i] = AllocCell(plan, pool, i, "A");
        }

        return cells;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint AllocCell(Plan plan, object? pool, int number, string? name)
    {
        nint cell = Words.Reveal(s_hiddenSuper) + (number * CellStride);
        HintApi.Pool(pool, "Alloc", cell, (nuint)CellByteCount);
        Words.Point(cell + CellStride - 16, 0, cell);
        if (name is not null)
        {
            plan.Note(name);
        }

        return cell;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void TwoLevels(Plan plan, int kinds)
    {
        object? pool = Create(kinds);
        for (int level = 0; level < 2; level++)
        {
            nint block = Words.Reveal(s_hiddenSuper) + 256 + (level * MetaBlockByteCount);
            HintApi.Pool(pool, "Alloc", block, (nuint)MetaBlockByteCount);
            for (int i = 0; i < InnerCount; i++)
            {
                HintApi.Adopt(block + 64 + (i * InnerStride), InnerByteCount);
                plan.Note("A");
            }

            HintApi.Pool(pool, "Free", block);
        }
    }
}
