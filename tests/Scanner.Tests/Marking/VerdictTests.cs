// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

[TestFixture]
internal sealed unsafe class VerdictTests
{
    [Test]
    public void A_start_pointer_at_any_four_byte_step_keeps_a_block_and_none_outside_the_root_area_does()
    {
        for (nuint offset = 0; offset <= 4096 - 8; offset += 4)
        {
            using MarkingWorld world = new(1, 4096);
            nuint block = world.AddBlock(64, 32);
            *(nuint*)(world.Root + offset) = block;
            world.Scan();
            Assert.That(world.VerdictOf(block), Is.EqualTo(Verdict.Reachable), $"offset {offset}");
        }

        using MarkingWorld without = new(1, 4096);
        nuint lost = without.AddBlock(64, 32);
        without.Scan();
        Assert.That(without.VerdictOf(lost), Is.EqualTo(Verdict.Definite));
    }

    [Test]
    public void Every_offset_inside_and_one_past_the_end_is_possible_and_neighbouring_bytes_are_not_references()
    {
        for (int offset = -1; offset <= 34; offset++)
        {
            using MarkingWorld world = new(1, 4096);
            nuint block = world.AddBlock(64, 32);
            *(nuint*)world.Root = (nuint)((nint)block + offset);
            world.Scan();
            Verdict expected = offset switch
            {
                0 => Verdict.Reachable,
                > 0 and <= 32 => Verdict.Possible,
                _ => Verdict.Definite,
            };
            Assert.That(world.VerdictOf(block), Is.EqualTo(expected), $"offset {offset}");
        }
    }

    [Test]
    public void One_past_the_end_belongs_to_the_next_block_when_one_starts_there()
    {
        using MarkingWorld world = new(2, 4096);
        nuint first = world.AddBlock(64, 32);
        nuint second = world.AddBlock(96, 32);
        *(nuint*)world.Root = second;
        world.Scan();
        Assert.Multiple(() =>
        {
            Assert.That(world.VerdictOf(first), Is.EqualTo(Verdict.Definite));
            Assert.That(world.VerdictOf(second), Is.EqualTo(Verdict.Reachable));
        });
    }

    [Test]
    public void The_pointer_behind_a_BSTR_prefix_is_a_start_pointer_only_for_a_BSTR()
    {
        foreach (BlockFlags flags in new[] { BlockFlags.None, BlockFlags.BstrPrefixed })
        {
            using MarkingWorld world = new(1, 4096);
            nuint block = world.AddBlock(64, 32, flags);
            *(nuint*)world.Root = block + 8;
            world.Scan();
            Assert.That(
                world.VerdictOf(block),
                Is.EqualTo(flags == BlockFlags.None ? Verdict.Possible : Verdict.Reachable));
        }
    }

    [Test]
    public void A_possible_block_names_the_place_and_the_value_of_the_interior_pointer()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 32);
        *(nuint*)(world.Root + 40) = block + 12;
        world.Scan();
        LostBlock entry = world.EntryOf(block);
        Assert.Multiple(() =>
        {
            Assert.That(entry.HolderAddress, Is.EqualTo((nuint)world.Root + 40));
            Assert.That(entry.HolderValue, Is.EqualTo(block + 12));
        });
    }

    [Test]
    public void A_young_block_is_not_judged_and_neither_is_what_hangs_from_it()
    {
        using MarkingWorld world = new(3, 4096);
        nuint young = world.AddBlock(64, 32, birthTick: 95);
        nuint child = world.AddBlock(128, 32, birthTick: 1);
        nuint old = world.AddBlock(192, 32, birthTick: 1);
        *(nuint*)young = child;
        world.Context.NowTick = 100;
        world.Context.MinimumAgeTicks = 10;
        world.Scan();
        Assert.Multiple(() =>
        {
            Assert.That(world.VerdictOf(young), Is.EqualTo(Verdict.Young));
            Assert.That(world.VerdictOf(child), Is.EqualTo(Verdict.Young));
            Assert.That(world.VerdictOf(old), Is.EqualTo(Verdict.Definite));
        });
    }

    [Test]
    public void A_block_born_after_the_clock_of_the_scan_was_read_is_young_not_ancient()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 32, birthTick: 101);
        world.Context.NowTick = 100;
        world.Context.MinimumAgeTicks = 10;
        world.Scan();
        Assert.That(world.VerdictOf(block), Is.EqualTo(Verdict.Young));
    }

    [Test]
    public void Of_two_overlapping_blocks_the_older_one_was_freed_behind_our_back()
    {
        using MarkingWorld world = new(3, 4096);
        world.AddBlock(64, 128, ordinal: (1UL << PackedRecord.OrdinalBits) - 2);
        nuint younger = world.AddBlock(96, 32, ordinal: 3); // the ordinal wrapped in between
        nuint beside = world.AddBlock(256, 32, ordinal: 2);
        world.Scan();
        Assert.Multiple(() =>
        {
            Assert.That(world.Counters.FreedBehindOurBack.Blocks, Is.EqualTo(1));
            Assert.That(world.Counters.FreedBehindOurBack.Bytes, Is.EqualTo(128));
            Assert.That(world.Counters.Live.Blocks, Is.EqualTo(2));
            Assert.That(world.VerdictOf(younger), Is.EqualTo(Verdict.Definite));
            Assert.That(world.VerdictOf(beside), Is.EqualTo(Verdict.Definite));
        });
    }

    [Test]
    public void Blocks_that_a_younger_one_was_carved_over_were_freed_behind_our_back()
    {
        using MarkingWorld world = new(3, 4096);
        world.AddBlock(96, 32, ordinal: 2);
        world.AddBlock(160, 128, ordinal: 3); // reaches beyond the younger one
        nuint younger = world.AddBlock(64, 192, ordinal: 5);
        nuint behind = world.AddBlock(256, 64, ordinal: 4); // over the tail of the second
        world.Scan();
        Assert.Multiple(() =>
        {
            Assert.That(world.Counters.FreedBehindOurBack.Blocks, Is.EqualTo(2));
            Assert.That(world.Counters.FreedBehindOurBack.Bytes, Is.EqualTo(160));
            Assert.That(world.Counters.Live.Blocks, Is.EqualTo(2));
            Assert.That(world.VerdictOf(younger), Is.EqualTo(Verdict.Definite));
            Assert.That(world.VerdictOf(behind), Is.EqualTo(Verdict.Definite));
        });
    }

    // Sequences count within a thread: here the larger one may be the older block's.
    [TestCase(7, 8, 0, Description = "which of two threads was first in this tick is not known")]
    [TestCase(7, 7, 1, Description = "a thread's own blocks are in order")]
    public void Of_two_that_overlap_in_one_tick_neither_is_called_a_leak_unless_their_order_is_known(
        int first, int second, int judged)
    {
        using MarkingWorld world = new(3, 4096);
        nuint one = world.AddBlock(64, 96, ordinal: 5, thread: (ushort)first);
        nuint other = world.AddBlock(128, 64, ordinal: 9, thread: (ushort)second);
        nuint apart = world.AddBlock(256, 64, ordinal: 7, thread: 9);
        world.Scan();
        Assert.Multiple(() =>
        {
            Assert.That(world.VerdictOf(one), Is.Not.EqualTo(Verdict.Definite));
            Assert.That(world.VerdictOf(other), judged == 1 ? Is.EqualTo(Verdict.Definite) : Is.Not.EqualTo(Verdict.Definite));
            Assert.That(world.VerdictOf(apart), Is.EqualTo(Verdict.Definite));
            Assert.That(world.Counters.FreedBehindOurBack.Blocks, Is.EqualTo(1));
            Assert.That(world.Counters.Live.Blocks, Is.EqualTo(1 + judged));
        });
    }

    [Test]
    public void An_unreadable_page_in_a_reached_block_is_counted_and_the_rest_is_still_followed()
    {
        using MarkingWorld world = new(3, 5 * 4096);
        nuint big = world.AddBlock(0, 3 * 4096);
        nuint before = world.AddBlock(3 * 4096, 32);
        nuint after = world.AddBlock((3 * 4096) + 64, 32);
        *(nuint*)world.Root = big;
        *(nuint*)(big + 100) = before;
        *(nuint*)(big + (2 * 4096) + 100) = after;
        const MappingAccess ReadWrite = MappingAccess.Read | MappingAccess.Write;
        nuint heap = (nuint)world.Heap;
        world.Map((nuint)world.Root, heap + 4096, ReadWrite);
        world.Map(heap + 4096, heap + (2 * 4096), MappingAccess.None);
        world.Map(heap + (2 * 4096), heap + (5 * 4096), ReadWrite);
        world.Scan();
        Assert.Multiple(() =>
        {
            Assert.That(world.VerdictOf(before), Is.EqualTo(Verdict.Reachable));
            Assert.That(world.VerdictOf(after), Is.EqualTo(Verdict.Reachable));
            Assert.That(world.Counters.UnreadableBytes, Is.EqualTo(4096));
            Assert.That((ScanWarning)world.Counters.Warnings & ScanWarning.MemoryUnreadable, Is.Not.EqualTo(ScanWarning.None));
        });
    }

    [Test]
    public void A_chain_of_a_million_blocks_is_one_definite_leak_with_the_rest_hanging_from_it()
    {
        const int Count = 1_000_000;
        using MarkingWorld world = new(Count, Count * 32);
        nuint head = 0;
        for (int i = 0; i < Count; i++)
        {
            nuint block = world.AddBlock((nuint)i * 32, 16);
            *(nuint*)block = head;
            head = block;
        }

        world.Scan();
        LostBlock entry = world.EntryOf(head);
        Assert.Multiple(() =>
        {
            Assert.That(world.Counters.Definite.Blocks, Is.EqualTo(1));
            Assert.That(world.Counters.Indirect.Blocks, Is.EqualTo(Count - 1));
            Assert.That(entry.Verdict, Is.EqualTo(Verdict.Definite));
            Assert.That(entry.IndirectBlocks, Is.EqualTo(Count - 1));
            Assert.That(entry.IndirectBytes, Is.EqualTo((nuint)16 * (Count - 1)));
        });
    }

    [Test]
    public void A_block_of_many_megabytes_is_found_by_a_pointer_to_any_of_its_pages()
    {
        using MarkingWorld world = new(2, 24 << 20);
        nuint small = world.AddBlock(16, 32);
        nuint big = world.AddBlock(4096, 20 << 20);
        *(nuint*)world.Root = big + (13 << 20) + 5;
        *(nuint*)(big + (19 << 20)) = small;
        world.Scan();
        Assert.Multiple(() =>
        {
            Assert.That(world.VerdictOf(big), Is.EqualTo(Verdict.Possible));
            Assert.That(world.VerdictOf(small), Is.EqualTo(Verdict.Possible));
        });
    }
}
