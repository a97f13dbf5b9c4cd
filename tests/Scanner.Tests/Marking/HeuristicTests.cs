// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Pointers to the inside of a block that are pointers to it after all, and those that only look like it.</summary>
[TestFixture]
internal sealed unsafe class HeuristicTests
{
    private const InteriorHeuristics Length64 = InteriorHeuristics.Length64, NewArray = InteriorHeuristics.NewArray,
        Header = InteriorHeuristics.Header, Inheritance = InteriorHeuristics.MultipleInheritance;

    [TestCase(Length64, 64, 8, 0, 56)]
    [TestCase(NewArray, 56, 8, 0, 12)]
    [TestCase(NewArray, 56, 8, 0, 48)]
    [TestCase(Header, 64, 16, 8, 48)]
    [TestCase(Header, 64, 16, 0, 47)]
    [TestCase(Header, 64, 32, 16, 30)]
    public void A_header_that_fits_makes_the_block_reachable_and_is_counted(
        InteriorHeuristics heuristic, int size, int offset, int lengthAt, long length)
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = Plant(world, size, offset, lengthAt, length);
        Assert.That(Judge(world, block, heuristic), Is.EqualTo(Verdict.Reachable));
        Assert.That(Saved(world), Is.EqualTo(new[] { (heuristic, 1L, (long)size) }));
    }

    [TestCase(Length64, 64, 8, 0, 55)]
    [TestCase(Length64, 64, 16, 0, 48)]
    [TestCase(NewArray, 64, 8, 0, 0)]
    [TestCase(NewArray, 64, 8, 0, 57)]
    [TestCase(NewArray, 64, 8, 0, -1)]
    [TestCase(NewArray, 60, 8, 0, 51)]
    [TestCase(Header, 64, 16, 8, 45)]
    [TestCase(Header, 64, 16, 8, 49)]
    [TestCase(Header, 64, 64, 0, 0)]
    [TestCase(Header, 256, 72, 0, 184)]
    public void A_header_that_does_not_fit_leaves_the_block_possible(
        InteriorHeuristics heuristic, int size, int offset, int lengthAt, long length)
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = Plant(world, size, offset, lengthAt, length);
        Assert.That(Judge(world, block, heuristic), Is.EqualTo(Verdict.Possible));
        Assert.That(Saved(world), Is.Empty);
    }

    [Test]
    public void A_length_of_four_bytes_behind_a_count_of_references_is_a_header()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 100);
        *(int*)block = 1;
        *(int*)(block + 4) = 92;
        *(nuint*)world.Root = block + 8;
        Assert.That(Judge(world, block, Header), Is.EqualTo(Verdict.Reachable));
    }

    [Test]
    public void The_start_of_the_block_right_before_the_pointer_is_a_header()
    {
        using MarkingWorld world = new(2, 4096);
        nuint block = world.AddBlock(80, 100), other = world.AddBlock(256, 100);
        *(nuint*)(block + 40) = block;
        *(nuint*)(other + 40) = block + 8;
        *(nuint*)world.Root = block + 48;
        *(nuint*)(world.Root + 8) = other + 48;
        Assert.That(Judge(world, block, Header), Is.EqualTo(Verdict.Reachable));
        Assert.That(world.VerdictOf(other), Is.EqualTo(Verdict.Possible), "the word before it names another place");
    }

    [Test]
    public void Only_a_second_table_of_code_in_a_block_that_begins_with_one_is_another_interface()
    {
        Assert.That(Interfaces(first: true, second: true, code: true), Is.EqualTo(Verdict.Reachable));
        Assert.That(Interfaces(first: false, second: true, code: true), Is.EqualTo(Verdict.Possible));
        Assert.That(Interfaces(first: true, second: false, code: true), Is.EqualTo(Verdict.Possible));
        Assert.That(Interfaces(first: true, second: true, code: false), Is.EqualTo(Verdict.Possible));
    }

    [Test]
    public void Without_the_heuristic_the_block_is_possible_and_nothing_is_counted()
    {
        foreach (InteriorHeuristics wanted in new[] { InteriorHeuristics.None, NewArray & ~Length64, Inheritance })
        {
            using MarkingWorld world = new(1, 4096);
            nuint block = Plant(world, 64, 16, 8, 48);
            Assert.That(Judge(world, block, wanted), Is.EqualTo(Verdict.Possible), wanted.ToString());
            Assert.That(Saved(world), Is.Empty);
        }
    }

    [Test]
    public void What_hangs_from_a_saved_block_is_reachable_whichever_pointer_was_read_first()
    {
        foreach (bool startFirst in new[] { false, true })
        {
            using MarkingWorld world = new(4, 4096);
            nuint saved = Plant(world, 64, 8, 0, 56);
            nuint child = world.AddBlock(256, 64), grandchild = world.AddBlock(512, 64);
            *(nuint*)(saved + 24) = child + 8;
            *(nuint*)child = 56;
            *(nuint*)(child + 16) = grandchild;
            *(nuint*)(world.Root + (startFirst ? 128 : 0)) = saved + 8;
            *(nuint*)(world.Root + (startFirst ? 0 : 128)) = grandchild;
            Assert.That(Judge(world, saved, Length64), Is.EqualTo(Verdict.Reachable));
            Assert.That(world.VerdictOf(child), Is.EqualTo(Verdict.Reachable), "a saved block holds by its inside too");
            Assert.That(world.VerdictOf(grandchild), Is.EqualTo(Verdict.Reachable));
            Assert.That(Saved(world), Is.EqualTo(new[] { (Length64, 2L, 128L) }));
        }
    }

    [Test]
    public void A_block_that_a_start_pointer_reaches_as_well_is_not_counted_as_saved()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = Plant(world, 64, 8, 0, 56);
        *(nuint*)(world.Root + 512) = block;
        Assert.That(Judge(world, block, Length64), Is.EqualTo(Verdict.Reachable));
        Assert.That(Saved(world), Is.Empty);
    }

    [Test]
    public void The_second_pointer_to_the_inside_counts_when_the_first_does_not_match()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = Plant(world, 64, 8, 0, 56);
        *(nuint*)(world.Root + 8) = block + 8;
        *(nuint*)world.Root = block + 20;
        Assert.That(Judge(world, block, Length64), Is.EqualTo(Verdict.Reachable));
    }

    [Test]
    public void A_lost_block_that_holds_another_by_its_header_saves_nothing()
    {
        using MarkingWorld world = new(2, 4096);
        nuint block = Plant(world, 64, 8, 0, 56);
        nuint lost = world.AddBlock(256, 64);
        *(nuint*)world.Root = 0;
        *(nuint*)lost = block + 8;
        Assert.That(Judge(world, block, InteriorHeuristics.All), Is.EqualTo(Verdict.Indirect));
        Assert.That(Saved(world), Is.Empty);
    }

    private static Verdict Interfaces(bool first, bool second, bool code)
    {
        const nuint Tables = 0, Code = 4096, Objects = 8192;
        using MarkingWorld world = new(1, 3 * 4096);
        nuint heap = (nuint)world.Heap;
        nuint block = world.AddBlock(Objects + 64, 64);
        *(nuint*)(heap + Tables) = heap + Code + 100;
        *(nuint*)(heap + Tables + 64) = heap + Code + 200;
        *(nuint*)block = first ? heap + Tables : 0;
        *(nuint*)(block + 16) = second ? heap + Tables + 64 : 0;
        *(nuint*)world.Root = block + 16;
        world.Map((nuint)world.Root, heap + Code, MappingAccess.Read | MappingAccess.Write);
        world.Map(heap + Code, heap + Objects, MappingAccess.Read | (code ? MappingAccess.Execute : MappingAccess.None));
        world.Map(heap + Objects, heap + (3 * 4096), MappingAccess.Read | MappingAccess.Write);
        return Judge(world, block, Inheritance);
    }

    private static nuint Plant(MarkingWorld world, int size, int offset, int lengthAt, long length)
    {
        nuint block = world.AddBlock(64, (nuint)size);
        *(long*)(block + (nuint)lengthAt) = length;
        *(nuint*)world.Root = block + (nuint)offset;
        return block;
    }

    private static Verdict Judge(MarkingWorld world, nuint block, InteriorHeuristics heuristics)
    {
        world.Context.Heuristics = heuristics;
        world.Scan();
        return world.VerdictOf(block);
    }

    private static (InteriorHeuristics, long, long)[] Saved(MarkingWorld world) =>
    [
        .. NativeLeak.Reporting.HeldFacts.Saved(world.Counters, InteriorHeuristics.All)
            .Where(static total => total.Total.Blocks > 0)
            .Select(static total => (total.Heuristic, total.Total.Blocks, total.Total.Bytes)),
    ];
}
