// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>What counts as a pointer: alignment, the inside and the edges of a block, and disguises.</summary>
internal static unsafe class PointerForms
{
    private const int EveryOffsetSize = 257;
    private const nuint Pattern = 0x5555_5555;

    private static readonly byte[] s_bytes = GC.AllocateArray<byte>(4096, pinned: true);
    private static nint s_below;
    private static nint s_wayBelow;
    private static nint s_beyond;
    private static nint s_pastEnd;
    private static nint s_plain;
    private static nuint s_complement;
    private static nuint s_xored;
    private static nint[]? s_offsets;

    public static IEnumerable<LeakCase> All =>
    [
        new("unaligned-by-one-to-three", "aligned-to-four", [41], [Lost("A"), Lost("B"), Lost("C")],
            static plan => PointAt(plan, 64 + 1, 128 + 2, 192 + 3)),
        new("aligned-to-four", "unaligned-by-one-to-three", [41], [Live("A"), Live("B"), Live("C")],
            static plan => PointAt(plan, 64 + 4, 128 + 8, 192 + 12)),
        new("just-outside", "chain-1", [43], [Lost("A")], static plan =>
        {
            nint a = plan.Alloc("A");
            (s_below, s_wayBelow, s_beyond) = (a - 1, a - 16, a + plan.SizeOf("A") + 1);
        }),
        new("one-past-the-end", "just-outside", [43], [Possibly("A")],
            static plan => s_pastEnd = plan.Alloc("A") + plan.SizeOf("A")),
        new("every-offset", "every-offset-interior-is-start", [44],
            [new("A", EveryOffsetSize, 0, 0, EveryOffsetSize - 1) { Size = EveryOffsetSize }],
            static plan => PointAtEveryOffset(plan)),
        new("every-offset-interior-is-start", "every-offset", [10, 44],
            [Live("A", EveryOffsetSize) with { Size = EveryOffsetSize }], static plan => PointAtEveryOffset(plan))
        {
            Options = "interior=1",
        },
        new("hidden-by-complement-and-xor", "not-hidden", [50], [Lost("A"), Lost("B")], static plan =>
        {
            s_complement = ~(nuint)plan.Alloc("A");
            s_xored = (nuint)plan.Alloc("B") ^ Pattern;
        }),
        new("not-hidden", "hidden-by-complement-and-xor", [50], [Live("A"), Live("B")], static plan =>
        {
            nint a = plan.Alloc("A");
            nint b = plan.Alloc("B");
            Words.Point(a, 0, b);
            s_plain = a;
            s_complement = ~(nuint)a;
            s_xored = (nuint)b ^ Pattern;
        }),
    ];

    private static void PointAt(Plan plan, int offsetOfA, int offsetOfB, int offsetOfC)
    {
        fixed (byte* bytes = s_bytes)
        {
            nint start = ((nint)bytes + 7) & ~7;
            Marshal.WriteIntPtr(start, offsetOfA, plan.Alloc("A"));
            Marshal.WriteIntPtr(start, offsetOfB, plan.Alloc("B"));
            Marshal.WriteIntPtr(start, offsetOfC, plan.Alloc("C"));
        }
    }

    private static void PointAtEveryOffset(Plan plan)
    {
        s_offsets = new nint[EveryOffsetSize];
        for (int offset = 0; offset < EveryOffsetSize; offset++)
        {
            s_offsets[offset] = plan.Alloc("A") + offset;
        }
    }
}
