// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Of what the kernel saved of vector registers only the components in use count: the rest is what the stack held before.</summary>
[TestFixture]
internal sealed unsafe class VectorPartsTests
{
    private const int Area = 1024, AreaByteCount = 2048, HeaderOffset = 512, Avx = 2;

    [TestCase(160, 0, true, Verdict.Reachable, TestName = "Registers_of_SSE_always_count")]
    [TestCase(576, 1 << Avx, true, Verdict.Reachable, TestName = "A_component_in_use_counts")]
    [TestCase(824, 1 << Avx, true, Verdict.Reachable, TestName = "The_last_word_of_a_component_in_use_counts")]
    [TestCase(576, 1 << 9, true, Verdict.Definite, TestName = "A_component_in_its_initial_state_does_not_count")]
    [TestCase(832, 1 << Avx, true, Verdict.Definite, TestName = "What_stands_between_components_does_not_count")]
    [TestCase(832, 1 << Avx, false, Verdict.Reachable, TestName = "Without_the_table_all_of_it_counts")]
    public void Vector_registers(int offset, int inUse, bool hasTable, object expected)
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 32), stack = (nuint)world.Root, area = stack + Area;
        MemoryRange* parts = stackalloc MemoryRange[10];
        for (int i = 0; i < 10; i++)
        {
            parts[i] = default;
        }

        parts[Avx] = new MemoryRange(576, 832);
        parts[9] = new MemoryRange(1600, 1608);
        world.Context.VectorParts = parts;
        world.Context.VectorPartCount = hasTable ? 10 : 0;
        *(ulong*)(area + HeaderOffset) = (ulong)inUse;
        *(nuint*)(area + (nuint)offset) = block;
        world.AddThread(new ParkedThread
        {
            ThreadId = 3, State = ThreadParkState.Parked, ThreadControlBlock = stack + 4000, StackPointer = stack + 3800,
            VectorRegisters = new MemoryRange(area, area + AreaByteCount),
        });
        world.Map(stack, (nuint)world.Heap, MappingAccess.Read | MappingAccess.Write);
        world.Map((nuint)world.Heap, (nuint)world.Heap + 4096, MappingAccess.Read | MappingAccess.Write);
        world.Scan();
        Assert.That(world.VerdictOf(block), Is.EqualTo((Verdict)expected));
    }

    [Test]
    public void The_processor_says_where_its_components_are()
    {
        MemoryRange* parts = VectorParts.Find(out int count);
        Assert.That(parts != null && count > Avx, Is.EqualTo(HasVectors()));
        if (HasVectors())
        {
            Assert.That(parts[Avx], Is.EqualTo(new MemoryRange(576, 832)), "the same in every processor");
            Platform.Pages.Release((nuint)parts, Platform.Pages.PageByteCount);
        }
    }

    private static bool HasVectors() => System.Runtime.Intrinsics.X86.Avx.IsSupported;
}
