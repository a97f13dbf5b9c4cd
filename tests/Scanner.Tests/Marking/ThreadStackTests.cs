// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Stacks that the C library keeps for later: dead when that is certain, and alive otherwise.</summary>
[TestFixture]
internal sealed unsafe class ThreadStackTests
{
    private const MappingAccess ReadWrite = MappingAccess.Read | MappingAccess.Write;

    // Each stack is a page. What glibc keeps of a thread begins here, its thread id stands so far behind.
    private const nuint Page = 4096, ControlBlock = 0x700, ThreadId = 0x2D0, Guard = 2 * Page, Cached = 3 * Page, Blocks = 5 * Page;

    [TestCase(0x100)]
    [TestCase(0x6F8)]
    [TestCase(0xE00)]
    public void Nothing_of_a_cached_stack_keeps_a_block(int offset)
        => Assert.That(Judge((nuint)offset, threadId: 0, knownThreads: 2, hasGuard: true, isWhole: true), Is.EqualTo(Verdict.Definite));

    [TestCase(77, 2, true, true, TestName = "Control_a_stack_whose_thread_lives_counts")]
    [TestCase(0, 1, true, true, TestName = "Control_with_one_known_thread_nothing_is_learned_and_a_cached_stack_counts")]
    [TestCase(0, 2, false, true, TestName = "Control_a_mapping_without_a_guard_is_no_stack_and_counts")]
    [TestCase(0, 2, true, false, TestName = "Control_a_mapping_without_a_control_block_is_no_stack_and_counts")]
    public void A_cached_stack_counts_whole_when_its_thread_lives_or_nothing_is_known(
        int threadId, int knownThreads, bool hasGuard, bool isWhole)
        => Assert.That(Judge(0x100, threadId, knownThreads, hasGuard, isWhole), Is.EqualTo(Verdict.Reachable));

    // The verdict on a block whose only pointer stands at an offset of the stack.
    private static Verdict Judge(nuint offset, int threadId, int knownThreads, bool hasGuard, bool isWhole)
    {
        using MarkingWorld world = new(1, 6 * Page);
        nuint heap = (nuint)world.Heap, block = world.AddBlock(Blocks + 64, 32);
        for (int i = 0; i < knownThreads; i++)
        {
            nuint stack = heap + ((nuint)i * Page);
            WriteControlBlock(stack + ControlBlock, threadId: 5 + i);
            world.AddThread(new ParkedThread
            {
                ThreadId = 5 + i, State = ThreadParkState.Parked, ThreadControlBlock = stack + ControlBlock,
                StackPointer = stack + 0x600,
            });
            world.Map(stack, stack + Page, ReadWrite);
        }

        WriteControlBlock(heap + Cached + ControlBlock, threadId);
        if (!isWhole)
        {
            *(nuint*)(heap + Cached + ControlBlock) = 0;
        }

        *(nuint*)(heap + Cached + offset) = block;
        world.Map(heap + Guard, heap + Cached, hasGuard ? MappingAccess.None : MappingAccess.Read);
        world.Map(heap + Cached, heap + Cached + Page, ReadWrite);
        world.Map(heap + Blocks, heap + Blocks + Page, ReadWrite);
        world.Scan();
        return world.VerdictOf(block);
    }

    private static void WriteControlBlock(nuint at, int threadId)
    {
        *(nuint*)at = at;
        *(nuint*)(at + 16) = at;
        *(int*)(at + ThreadId) = threadId;
    }
}
