// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Roots;

namespace NativeLeak.Scanner.Tests.Roots;

/// <summary>Where the managed heap ends and its neighbours begin, in lists of mappings made by hand.</summary>
[TestFixture]
internal sealed class ManagedHeapReserveTests
{
    private static readonly ulong s_reserve = 0x7f00_0000_0000;
    private const ulong Size = 0x1_0000_0000 + 0x31_a000; // the regions are aligned inside it, as measured
    private static readonly ulong s_end = s_reserve + 0x1_0000_0000;
    private static readonly ulong[] s_regionSizes = [4 << 20];
    private static readonly ulong s_inside = s_reserve + 0x80_0100;

    private static readonly Mapping[] s_heap =
    [
        Piece(s_reserve, s_reserve + 0x1_1000, committed: true),
        Piece(s_reserve + 0x1_1000, s_reserve + 0x80_0000, committed: false),
        Piece(s_reserve + 0x80_0000, s_reserve + 0x81_0000, committed: true),
        Piece(s_reserve + 0x81_0000, s_end, committed: false),
    ];

    [Test]
    public void The_reserve_is_found_between_gaps()
        => Assert.That(ManagedHeapLayouts.FindReserve(s_heap, (nuint)s_inside, Size, s_regionSizes), Is.EqualTo(new MemoryRange((nuint)s_reserve, (nuint)s_end)));

    [Test]
    public void A_thread_stack_right_below_is_not_taken_for_managed_memory()
    {
        // The guard below and the stack itself continue the run downwards: contiguity alone would swallow them.
        Mapping[] mappings =
        [
            Piece(s_reserve - 0x80_1000, s_reserve - 0x80_0000, committed: false),
            Piece(s_reserve - 0x80_0000, s_reserve - 0x1000, committed: true),
            Piece(s_reserve - 0x1000, s_reserve, committed: false),
            .. s_heap,
        ];
        Assert.Multiple(() =>
        {
            Assert.That(ByContiguity(mappings).Start, Is.LessThan((nuint)s_reserve), "the control must be wrong here");
            Assert.That(ManagedHeapLayouts.FindReserve(mappings, (nuint)s_inside, Size, s_regionSizes), Is.EqualTo(new MemoryRange((nuint)s_reserve, (nuint)s_end)));
        });
    }

    [Test]
    public void A_malloc_arena_right_above_is_not_taken_for_managed_memory()
    {
        Mapping[] mappings =
        [
            .. s_heap,
            Piece(s_end, s_end + 0x2_1000, committed: true),
            Piece(s_end + 0x2_1000, s_end + 0x400_0000, committed: false),
        ];
        Assert.Multiple(() =>
        {
            Assert.That(ByContiguity(mappings).End, Is.GreaterThan((nuint)s_end), "the control must be wrong here");
            Assert.That(ManagedHeapLayouts.FindReserve(mappings, (nuint)s_inside, Size, s_regionSizes), Is.EqualTo(new MemoryRange((nuint)s_reserve, (nuint)s_end)));
        });
    }

    [Test]
    public void A_reserve_whose_size_leads_nowhere_is_unknown()
    {
        Assert.Multiple(() =>
        {
            Assert.That(ManagedHeapLayouts.FindReserve(s_heap, (nuint)s_inside, Size * 2, s_regionSizes) == default, Is.True);
            Assert.That(ManagedHeapLayouts.FindReserve(s_heap, (nuint)s_inside, 0x1000_0000, s_regionSizes) == default, Is.True);
            Assert.That(ManagedHeapLayouts.FindReserve([], (nuint)s_inside, Size, s_regionSizes) == default, Is.True);
            Assert.That(ManagedHeapLayouts.FindReserve(s_heap, (nuint)(s_end + 5), Size, s_regionSizes) == default, Is.True);
        });
    }

    [Test]
    public void Smaller_regions_begin_where_large_ones_cannot()
    {
        // A reserve for regions of one mebibyte: its first region is aligned to that and to nothing more.
        const ulong Shift = 3UL << 20;
        Mapping[] mappings = [.. s_heap.Select(static m => m with { Start = m.Start + (nuint)Shift, End = m.End + (nuint)Shift })];
        const ulong Exact = 0x1_0000_0000 + 0x7_a000;
        Assert.Multiple(() =>
        {
            Assert.That(ManagedHeapLayouts.FindReserve(mappings, (nuint)(s_inside + Shift), Exact, s_regionSizes) == default, Is.True);
            Assert.That(
                ManagedHeapLayouts.FindReserve(mappings, (nuint)(s_inside + Shift), Exact, [4 << 20, 2 << 20, 1 << 20]),
                Is.EqualTo(new MemoryRange((nuint)(s_reserve + Shift), (nuint)(s_end + Shift))));
            Assert.That(ManagedHeapLayouts.FindReserve(mappings, (nuint)(s_inside + Shift), Exact, [3 << 20]) == default, Is.True, "no power of two");
        });
    }

    private static MemoryRange ByContiguity(Mapping[] mappings)
    {
        int low = Array.FindIndex(mappings, m => s_inside >= m.Start && s_inside < m.End);
        int high = low;
        while (low > 0 && mappings[low - 1].End == mappings[low].Start)
        {
            low--;
        }

        while (high + 1 < mappings.Length && mappings[high + 1].Start == mappings[high].End)
        {
            high++;
        }

        return new MemoryRange(mappings[low].Start, mappings[high].End);
    }

    private static Mapping Piece(ulong start, ulong end, bool committed) => new()
    {
        Start = (nuint)start,
        End = (nuint)end,
        Access = committed ? MappingAccess.Read | MappingAccess.Write : MappingAccess.None,
        Kind = MappingKind.Anonymous,
    };
}
