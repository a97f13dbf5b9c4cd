// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Words of doubtful worth hold their blocks, but are counted apart.</summary>
[TestFixture]
internal sealed unsafe class FrailRootTests
{
    private const MappingAccess ReadWrite = MappingAccess.Read | MappingAccess.Write;
    private const nuint StackPointer = 1024, Code = 4096, Application = Code + 2048;

    [Test]
    public void A_word_below_the_pointer_of_a_foreign_stack_is_weak_evidence_and_one_above_is_not()
    {
        Assert.That(HeldFromStack(StackPointer - 512, isOwnStack: false, isWaiting: false), Is.EqualTo((Verdict.Reachable, 1L)));
        Assert.That(HeldFromStack(StackPointer + 512, isOwnStack: false, isWaiting: false), Is.EqualTo((Verdict.Reachable, 0L)));
        Assert.That(HeldFromStack(StackPointer - 512, isOwnStack: true, isWaiting: false), Is.EqualTo((Verdict.Definite, 0L)));
    }

    // The layout of the stack is in the helper: two frames of the runtime's, then one of the application's.
    [TestCase(8, true, 1, TestName = "A_hole_of_a_waiting_frame_is_weak_evidence")]
    [TestCase(8, false, 0, TestName = "The_same_slot_is_good_when_the_thread_does_not_wait_in_the_runtime")]
    [TestCase(96 - 16, true, 0, TestName = "A_register_that_a_waiting_frame_saved_is_good")]
    [TestCase(96 + 16, true, 1, TestName = "A_hole_of_the_frame_that_called_it_is_weak_evidence")]
    [TestCase(256 + 16, true, 0, TestName = "A_slot_of_the_frame_of_the_application_is_good")]
    public void Frames(int aboveStackPointer, bool isWaiting, int weak)
        => Assert.That(
            HeldFromStack(StackPointer + (nuint)aboveStackPointer, isOwnStack: true, isWaiting),
            Is.EqualTo((Verdict.Reachable, (long)weak)));

    // docs/scenarios.md, 64: the scanner's own frames may lie where those of an exited thread lay.
    [TestCase(ThreadParkState.Controller, 512, Verdict.Definite)]
    [TestCase(ThreadParkState.Controller, -512, Verdict.Definite)]
    [TestCase(ThreadParkState.Parked, 512, Verdict.Reachable)]
    [TestCase(ThreadParkState.Asleep, 512, Verdict.Reachable)]
    [TestCase(ThreadParkState.Asleep, -512, Verdict.Definite)]
    [TestCase(ThreadParkState.Late, -512, Verdict.Reachable)]
    public void The_scanners_own_frames_hold_nothing_and_those_of_others_do(object state, int aboveStackPointer, object expected)
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 32), stack = (nuint)world.Root;
        *(nuint*)(stack + StackPointer + (nuint)aboveStackPointer) = block;
        world.AddThread(new ParkedThread
        {
            ThreadId = 3, State = (ThreadParkState)state, ThreadControlBlock = stack + 4000,
            StackPointer = (ThreadParkState)state == ThreadParkState.Late ? 0 : stack + StackPointer,
        });
        world.Map(stack, (nuint)world.Heap, ReadWrite);
        world.Map((nuint)world.Heap, (nuint)world.Heap + 4096, ReadWrite);
        world.Scan();
        Assert.That(world.VerdictOf(block), Is.EqualTo((Verdict)expected));
    }

    [Test]
    public void A_block_that_good_words_hold_too_is_not_counted_and_what_hangs_from_a_weak_one_is()
    {
        using MarkingWorld world = new(3, 3 * 4096);
        nuint both = world.AddBlock((2 * 4096) + 64, 32), weak = world.AddBlock((2 * 4096) + 128, 32), child = world.AddBlock((2 * 4096) + 256, 32);
        AddStack(world, isOwnStack: false, isWaiting: false);
        *(nuint*)(world.Root + StackPointer - 512) = both;
        *(nuint*)(world.Root + StackPointer - 256) = weak;
        *(nuint*)(world.Root + StackPointer + 800) = both;
        *(nuint*)weak = child;
        world.Scan();
        Assert.Multiple(() =>
        {
            Assert.That(world.Counters.Reachable.Blocks, Is.EqualTo(3));
            Assert.That(world.Counters.Held.FrailBlocks, Is.EqualTo(2));
            Assert.That(world.Counters.Held.FrailBytes, Is.EqualTo(64));
        });
    }

    [Test]
    public void A_weak_word_to_the_inside_leaves_a_block_possible()
    {
        using MarkingWorld world = new(1, 3 * 4096);
        nuint block = world.AddBlock((2 * 4096) + 64, 32);
        AddStack(world, isOwnStack: false, isWaiting: false);
        *(nuint*)(world.Root + StackPointer - 512) = block + 8;
        world.Scan();
        Assert.That(world.VerdictOf(block), Is.EqualTo(Verdict.Possible));
        Assert.That(world.DetailOf(block).Holder.IsFrail, Is.EqualTo(1));
    }

    [Test]
    public void A_chunk_whose_first_word_is_a_disguised_link_is_taken_for_free_and_no_other_is()
    {
        const nuint Chunk = 256, Next = 512, Size = 96;
        using MarkingWorld world = new(1, 4096);
        nuint heap = (nuint)world.Heap;
        world.Map(heap, heap + 4096, ReadWrite);
        nuint disguise = (heap + Chunk + 16) >> 12;
        nuint* first = (nuint*)(heap + Chunk + 16);
        *(nuint*)(heap + Next + 8) = Size | 1;

        bool Judge(nuint word, nuint size)
        {
            *first = word;
            MemoryRange readable = new(heap, heap + 4096);
            ChildState state = default;
            state.Readable.Items = &readable;
            state.Readable.Count = 1;
            return FrailRoots.IsFastChunk(&state, heap + Chunk, size);
        }

        Assert.Multiple(() =>
        {
            Assert.That(Judge(disguise, Size), Is.True, "the last of a list");
            Assert.That(Judge((heap + Next) ^ disguise, Size), Is.True, "one with a next");
            Assert.That(Judge((heap + Next) ^ disguise, Size + 16), Is.False, "a list holds chunks of one size");
            Assert.That(Judge((heap + Next + 8) ^ disguise, Size), Is.False, "no chunk begins there");
            Assert.That(Judge((heap + 8192) ^ disguise, Size), Is.False, "outside the heap");
            Assert.That(Judge(0, Size), Is.False, "zeroed memory");
            Assert.That(Judge(heap + Next, Size), Is.False, "a plain pointer");
            Assert.That(Judge(disguise, 176), Is.False, "too large for such lists");
        });
    }

    // A heap of five chunks: good memory, a chunk of a fast list, a slab, a free chunk, and the top.
    [TestCase(0, 16, Verdict.Reachable, 0)]
    [TestCase(1, 16, Verdict.Reachable, 1)]
    [TestCase(2, 4096, Verdict.Reachable, 1)]
    [TestCase(3, 16, Verdict.Definite, 0)]
    [TestCase(4, 16, Verdict.Definite, 0)]
    public void A_heap_is_read_chunk_by_chunk_each_with_its_worth(int holder, int offset, object expected, int weak)
    {
        ulong key = 0x1234_5678_9ABC;
        const nuint HeapByteCount = 128 << 10;
        nuint[] sizes = [256, 96, 0x10010, 512, 0];
        using MarkingWorld world = new(1, HeapByteCount + 4096);
        nuint heap = (nuint)world.Heap, at = heap, block = world.AddBlock(HeapByteCount + 64, 32);
        nuint[] chunks = new nuint[sizes.Length];
        for (int i = 0; i < sizes.Length; i++)
        {
            nuint size = sizes[i] == 0 ? heap + HeapByteCount - at : sizes[i];
            *(nuint*)(at + 8) = size | (nuint)(i == 4 ? 0 : 1);
            chunks[i] = at;
            at += size;
        }

        *(nuint*)(chunks[1] + 16) = (chunks[1] + 16) >> 12;
        *(nuint*)(chunks[2] + 24) = 0x10000;
        *(nuint*)(chunks[holder] + 32 + (nuint)offset) = block;
        world.Context.FreeChunkKey = (nuint)key;
        world.Map((nuint)world.Root, heap, ReadWrite);
        world.Map(heap, heap + HeapByteCount, ReadWrite, MappingKind.Heap);
        world.Map(heap + HeapByteCount, heap + HeapByteCount + 4096, ReadWrite);
        world.Scan();
        Assert.That((world.VerdictOf(block), world.Counters.Held.FrailBlocks), Is.EqualTo(((Verdict)expected, (long)weak)));
    }

    private static (Verdict, long) HeldFromStack(nuint slot, bool isOwnStack, bool isWaiting)
    {
        using MarkingWorld world = new(1, 3 * 4096);
        nuint block = world.AddBlock((2 * 4096) + 64, 32);
        AddStack(world, isOwnStack, isWaiting);
        *(nuint*)(world.Root + slot) = block;
        world.Scan();
        return (world.VerdictOf(block), world.Counters.Held.FrailBlocks);
    }

    // The root area is the stack; the first page of the heap has the registers, the second is code: its first half the
    // runtime's, its second the application's. Innermost frame: 0 to 112 above the stack pointer; its caller: to 176;
    // the application's frame begins there.
    private static void AddStack(MarkingWorld world, bool isOwnStack, bool isWaiting)
    {
        nuint stack = (nuint)world.Root, heap = (nuint)world.Heap, pointer = stack + StackPointer;
        nuint* registers = (nuint*)heap;
        registers[16] = heap + (isWaiting ? Code + 64 : Application + 64);
        *(nuint*)(pointer + 96) = pointer + 160;
        *(nuint*)(pointer + 104) = heap + Code + 128;
        *(nuint*)(pointer + 160) = pointer + 400;
        *(nuint*)(pointer + 168) = heap + Application + 128;
        MemoryRange* runtime = (MemoryRange*)(heap + 2048);
        *runtime = new(heap + Code, heap + Application);
        world.Context.RuntimeCode = runtime;
        world.Context.RuntimeCodeCount = 1;
        world.AddThread(new ParkedThread
        {
            ThreadId = 5, State = ThreadParkState.Parked, StackPointer = pointer, ThreadControlBlock = isOwnStack ? stack + 4000 : 0,
            Registers = new(heap, heap + (23 * 8)),
        });
        world.Map(stack, heap, ReadWrite);
        world.Map(heap, heap + Code, ReadWrite);
        world.Map(heap + Code, heap + Code + 4096, MappingAccess.Read | MappingAccess.Execute);
        world.Map(heap + Code + 4096, heap + (3 * 4096), ReadWrite);
    }
}
