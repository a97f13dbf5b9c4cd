// Licensed under the MIT License. See LICENSE in the repository root.
using FsCheck;
using FsCheck.Fluent;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>What holds a block, and what held it when a scan last saw it held.</summary>
[TestFixture]
internal sealed unsafe class HolderTests
{
    private const MappingAccess ReadWrite = MappingAccess.Read | MappingAccess.Write;

    [Test]
    public void A_possible_block_tells_the_kind_of_the_place_of_its_interior_pointer()
    {
        foreach ((MappingKind kind, HolderKind expected) in new[]
        {
            (MappingKind.Anonymous, HolderKind.Memory), (MappingKind.File, HolderKind.Module), (MappingKind.Heap, HolderKind.CHeap),
        })
        {
            using MarkingWorld world = new(1, 4096);
            nuint block = world.AddBlock(64, 32);
            *(nuint*)(world.Root + 40) = block + 12;
            world.Map((nuint)world.Root, (nuint)world.Heap, ReadWrite, kind);
            world.Map((nuint)world.Heap, (nuint)world.Heap + 4096, ReadWrite);
            world.Scan();
            HolderInfo holder = world.DetailOf(block).Holder;
            Assert.That((holder.Kind, holder.Address, holder.Value), Is.EqualTo((expected, (nuint)world.Root + 40, block + 12)));
        }
    }

    [Test]
    public void Data_right_behind_a_writable_part_of_a_file_belongs_to_the_module()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 32);
        *(nuint*)(world.Root + 2048) = block + 12;
        world.Map((nuint)world.Root, (nuint)world.Root + 1024, ReadWrite, MappingKind.File);
        world.Map((nuint)world.Root + 1024, (nuint)world.Heap, ReadWrite);
        world.Map((nuint)world.Heap, (nuint)world.Heap + 4096, ReadWrite);
        world.Scan();
        Assert.That(world.DetailOf(block).Holder.Kind, Is.EqualTo(HolderKind.Module));
    }

    [Test]
    public void A_block_that_hangs_from_another_names_it_and_the_offset_in_it()
    {
        using MarkingWorld world = new(4, 4096);
        nuint lost = world.AddBlock(64, 64), indirect = world.AddBlock(256, 64);
        nuint held = world.AddBlock(512, 64), possible = world.AddBlock(1024, 64);
        *(nuint*)(lost + 24) = indirect;
        *(nuint*)world.Root = held;
        *(nuint*)(held + 40) = possible + 4;
        world.Scan();
        HolderInfo ofIndirect = world.DetailOf(indirect).Holder, ofPossible = world.DetailOf(possible).Holder;
        Assert.Multiple(() =>
        {
            Assert.That(world.VerdictOf(indirect), Is.EqualTo(Verdict.Indirect));
            Assert.That((ofIndirect.Kind, ofIndirect.Container, ofIndirect.Offset), Is.EqualTo((HolderKind.Block, lost, 24L)));
            Assert.That((ofPossible.Kind, ofPossible.Container, ofPossible.Offset), Is.EqualTo((HolderKind.Block, held, 40L)));
            Assert.That(world.DetailOf(lost).Holder.Kind, Is.EqualTo(HolderKind.None), "nothing points at a definite leak");
        });
    }

    [Test]
    public void Stack_slots_and_registers_name_their_thread()
    {
        using MarkingWorld world = new(2, 4096);
        nuint onStack = world.AddBlock(64, 32), inRegister = world.AddBlock(128, 32);
        nuint stack = (nuint)world.Root, registers = (nuint)world.Root + 256;
        *(nuint*)(stack + 1024) = onStack + 8;
        *(nuint*)(registers + (11 * 8)) = inRegister + 8;
        world.AddThread(new ParkedThread
        {
            ThreadId = 77, State = ThreadParkState.Parked, StackPointer = stack + 1000, ThreadControlBlock = stack + 4000,
            Registers = new(registers, registers + (23 * 8)),
        });
        world.Map(stack, (nuint)world.Heap, ReadWrite);
        world.Map((nuint)world.Heap, (nuint)world.Heap + 4096, ReadWrite);
        world.Scan();
        HolderInfo slot = world.DetailOf(onStack).Holder, register = world.DetailOf(inRegister).Holder;
        Assert.Multiple(() =>
        {
            Assert.That((slot.Kind, slot.ThreadId, slot.Offset), Is.EqualTo((HolderKind.Stack, 77, 24L)));
            Assert.That((register.Kind, register.ThreadId, register.Offset), Is.EqualTo((HolderKind.Register, 77, 11L)));
        });
    }

    [Test]
    public void A_lost_block_names_what_held_it_last_and_the_scans_between_which_it_was_lost()
    {
        using MarkingWorld world = new(2, 4096);
        nuint parent = world.AddBlock(64, 64), child = world.AddBlock(256, 64);
        *(nuint*)(world.Root + 16) = parent;
        *(nuint*)(parent + 24) = child;
        Scan(world, 3);
        Assert.That(world.VerdictOf(child), Is.EqualTo(Verdict.Reachable));
        *(nuint*)(parent + 24) = 0;
        for (int scan = 4; scan < 7; scan++)
        {
            Scan(world, scan);
            HolderEntry last = world.DetailOf(child).Last;
            HolderInfo holder = last.Unpack();
            Assert.That((holder.Kind, holder.Offset, last.Scan, last.MissedBy), Is.EqualTo((HolderKind.Block, 24L, 3, scan == 4 ? 0 : 4)));
        }

        *(nuint*)(world.Root + 16) = 0;
        Scan(world, 7);
        Scan(world, 8);
        HolderEntry ofParent = world.DetailOf(parent).Last;
        Assert.That(
            (ofParent.Kind, ofParent.Place, ofParent.Scan, ofParent.MissedBy),
            Is.EqualTo((HolderKind.Memory, (ulong)world.Root + 16, 6, 7)));
    }

    [Test]
    public void A_block_that_is_held_again_is_seen_again()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 64);
        for (int scan = 1; scan <= 6; scan++)
        {
            *(nuint*)world.Root = scan is 1 or 4 ? block : 0;
            Scan(world, scan);
        }

        HolderEntry last = world.DetailOf(block).Last;
        Assert.That((last.Scan, last.MissedBy), Is.EqualTo((4, 5)));
    }

    [Test]
    public void What_was_remembered_of_a_block_is_not_believed_of_another_in_its_place()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 64);
        *(nuint*)world.Root = block;
        Scan(world, 1);
        world.RemoveBlock(block);
        *(nuint*)world.Root = 0;
        nuint again = world.AddBlock(64, 64);
        Scan(world, 2);
        Assert.That(again, Is.EqualTo(block));
        Assert.That(world.DetailOf(again).Last.Seen, Is.Zero);
    }

    [Test]
    public void Scans_that_do_not_remember_read_what_others_left()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 64);
        *(nuint*)world.Root = block;
        Scan(world, 1);
        *(nuint*)world.Root = 0;
        world.Context.RemembersHolders = 0;
        world.Context.ScanNumber = 2;
        world.Scan();
        Assert.That(world.DetailOf(block).Last.Scan, Is.EqualTo(1));
    }

    [Test]
    public void An_entry_gives_back_what_it_was_made_from()
    {
        Gen<HolderInfo> infos =
            from kind in Gen.Choose((int)HolderKind.Register, (int)HolderKind.Memory)
            from container in Gen.Choose(1, int.MaxValue)
            from offset in Gen.Choose(-1, (1 << 22) - 8)
            from thread in Gen.Choose(1, 1 << 22)
            select new HolderInfo
            {
                Kind = (HolderKind)kind, Container = (nuint)container << 16, ThreadId = thread, Site = (uint)container & 0xFFFFF,
                Offset = kind is (int)HolderKind.Stack or (int)HolderKind.Register ? offset : (offset & 0x3FFFF8),
                Address = (nuint)container << 12,
            };
        Prop.ForAll(Arb.From(infos), static info =>
        {
            HolderEntry entry = HolderEntry.Pack(info, ordinal: 0x1_0000_0007, scan: 41);
            HolderInfo back = entry.Unpack();
            bool isSame = back.Kind == info.Kind && info.Kind switch
            {
                HolderKind.Object => back.Container == info.Container && back.Offset == info.Offset,
                HolderKind.Block => back.Site == info.Site && back.Offset == info.Offset,
                HolderKind.Stack or HolderKind.Register => back.ThreadId == info.ThreadId && back.Offset == info.Offset,
                _ => back.Address == info.Address,
            };
            return isSame && entry.Tag == 7 && entry.Scan == 41 && entry.MissedBy == 0;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Test]
    public void A_gap_that_is_too_long_to_be_kept_names_no_scan()
    {
        HolderEntry entry = HolderEntry.Pack(new HolderInfo { Kind = HolderKind.Memory, Address = 8 }, 1, 5);
        HolderEntry.Miss(ref entry, 105);
        Assert.That((entry.Scan, entry.MissedBy), Is.EqualTo((5, 0)));
    }

    private static void Scan(MarkingWorld world, int number)
    {
        world.RememberHolders(number);
        world.Scan();
    }
}
