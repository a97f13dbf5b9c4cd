// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>What code says about single blocks: kmemleak's calls, LeakSanitizer's ignored objects.</summary>
internal static unsafe class Hints
{
    private const int HeadByteCount = 2016;
    private const int CutByteCount = 992;
    private const int TailByteCount = 3001;
    private const uint Key = 0x5A5A_A5A5;

    private static nint s_first;
    private static nint s_second;
    private static nint s_third;

    public static IEnumerable<LeakCase> All =>
    [
        new("ignored-parent", "not-ignored-parent", [25, 84], [Hidden("A"), Hidden("B"), Lost("C")],
            static plan => Parent(plan, "Ignore")),
        new("not-ignored-parent", "ignored-parent", [25, 84], [Lost("A", references: 1), Indirectly("B"), Lost("C")],
            static plan => Parent(plan, null)),
        new("not-a-leak", "not-ignored-parent", [84], [Hidden("A"), Live("B"), Lost("C")],
            static plan => Parent(plan, "NotLeak")),
        new("detached", "not-ignored-parent", [84], [Forgotten("A"), Live("B"), Lost("C")],
            static plan => Parent(plan, "Detach")),

        new("contents-not-scanned", "contents-scanned", [84, 85], [Live("A"), Lost("B")], static plan => Reader(plan, "NoScan")),
        new("contents-scanned", "contents-not-scanned", [84, 85], [Live("A"), Live("B")], static plan => Reader(plan, null)),
        new("outside-scan-area", "inside-scan-area", [84], [Live("A"), Live("B"), Lost("C")], static plan => Area(plan, 1)),
        new("inside-scan-area", "outside-scan-area", [84], [Live("A"), Live("B"), Live("C")], static plan => Area(plan, 2)),

        new("two-references-wanted-one-found", "two-references-found", [86], [Lost("A"), Lost("B")],
            static plan => References(plan, 1)),
        new("two-references-found", "two-references-wanted-one-found", [86], [Live("A"), Lost("B")],
            static plan => References(plan, 2)),
        new("surplus-reference-handed-over", "two-references-found", [86], [Live("A"), Live("B")],
            static plan => References(plan, 3)),

        new("part-freed-head-held", "part-freed-tail-held", [87],
            [Live("head") with { Size = HeadByteCount }, Lost("tail") with { Size = TailByteCount }],
            static plan => s_first = Cut(plan)),
        new("part-freed-tail-held", "part-freed-head-held", [87],
            [Lost("head") with { Size = HeadByteCount }, Live("tail") with { Size = TailByteCount }],
            static plan => s_first = Cut(plan) + HeadByteCount + CutByteCount),

        new("updated-site-lost", "updated-site-held", [88], [Lost("A") with { Allocator = "Marshal.AllocHGlobal" }],
            static plan => HandOut(plan.Alloc("A")))
        {
            Site = nameof(HandOut),
        },
        new("updated-site-held", "updated-site-lost", [88], [Live("A")], static plan => HandOut(s_first = plan.Alloc("A"))),

        new("xor-decoded-in-block", "xor-not-decoded-in-block", [50], [Live("A"), Live("B")],
            static plan => HideByKey(plan, isDecoded: true)),
        new("xor-not-decoded-in-block", "xor-decoded-in-block", [50], [Live("A"), Lost("B")],
            static plan => HideByKey(plan, isDecoded: false)),
        .. LeakCase.Pair("xor-decoded-in-root", [50], static (plan, held) =>
        {
            nuint* hidden = (nuint*)NativeMemory.AllocZeroed(1, 64);
            s_second = (nint)hidden;
            hidden[3] = (nuint)plan.Alloc("A") ^ Key ^ ~(nuint)0;
            if (held)
            {
                s_registration = HintApi.RegisterXorRoot((nint)hidden, 64, Key ^ ~(nuint)0);
            }
        }),
        .. LeakCase.Pair("root-provider", [49], static (plan, held) =>
        {
            nuint hidden = Words.Hide(plan.Alloc("A"));
            HintApi.Provide(held ? hidden : nuint.MaxValue);
        }),
        .. LeakCase.Pair("adopted", [103], static (plan, held) =>
        {
            CHeapGround.Prepare(plan.SizeOf("A"));
            nint block = ((delegate* unmanaged<nuint, nuint, nint>)Libc.Symbol("calloc"))(1, (nuint)plan.SizeOf("A"));
            CHeapGround.Fence(plan.SizeOf("A"));
            plan.Note("A");
            HintApi.Adopt(block, (nuint)plan.SizeOf("A"));
            s_first = held ? block : 0;
        }),
    ];

    private static IDisposable? s_registration;

    // A → B, nothing → A, and C by itself.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Parent(Plan plan, string? hint)
    {
        nint a = plan.Alloc("A");
        Words.Point(a, 2, plan.Alloc("B"));
        plan.Alloc("C");
        if (hint is not null)
        {
            HintApi.Say(hint, a);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Reader(Plan plan, string? hint)
    {
        s_first = plan.Alloc("A");
        Words.Point(s_first, 2, plan.Alloc("B"));
        if (hint is not null)
        {
            HintApi.Say(hint, s_first);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Area(Plan plan, int areas)
    {
        s_first = plan.Alloc("A");
        Words.Point(s_first, 3, plan.Alloc("B"));
        Words.Point(s_first, 9, plan.Alloc("C"));
        HintApi.ScanArea(s_first, 3 * (nuint)sizeof(nint), (nuint)sizeof(nint));
        if (areas > 1)
        {
            HintApi.ScanArea(s_first, 8 * (nuint)sizeof(nint), 2 * (nuint)sizeof(nint));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void References(Plan plan, int held)
    {
        nint a = plan.Alloc("A");
        HintApi.MinimumReferences(a, 2, plan.Alloc("B"));
        s_first = a;
        s_second = held > 1 ? a : 0;
        s_third = held > 2 ? a : 0;
    }

    // head | what is given back | tail
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Cut(Plan plan)
    {
        const int Whole = HeadByteCount + CutByteCount + TailByteCount;
        CHeapGround.Prepare(Whole);
        nint block = Marshal.AllocHGlobal(Whole);
        NativeMemory.Clear((void*)block, Whole);
        CHeapGround.Fence(Whole);
        plan.Note("head");
        plan.Note("tail");
        HintApi.FreePart(block + HeadByteCount, CutByteCount);
        return block;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void HandOut(nint block) => HintApi.Say("UpdateSite", block);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void HideByKey(Plan plan, bool isDecoded)
    {
        s_first = plan.Alloc("A");
        ((nuint*)s_first)[5] = (nuint)plan.Alloc("B") ^ ~(nuint)Key;
        if (isDecoded)
        {
            HintApi.DecodeXor(s_first, ~(nuint)Key);
        }
    }
}
