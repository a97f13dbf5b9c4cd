// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Heaps of threads that the kernel joined to one mapping, or that shrank within theirs, are read chunk by chunk too.</summary>
[TestFixture]
internal sealed unsafe class HeapPlaceTests
{
    private const nuint Alignment = 64 << 20, First = 48, Used = 256, Free = 512;
    private const int Shrunk = 0x22000, Accessible = 0x5bf000;
    private const ulong Key = 0x1234_5678_9ABC;

    private nuint _memory;
    private nuint _heap;

    // Private memory that nobody touches costs nothing.
    [SetUp]
    public void Reserve()
    {
        _memory = Platform.Pages.AllocatePrivate(4 * Alignment);
        Assert.That(_memory, Is.Not.Zero);
        _heap = (_memory + Alignment + Alignment - 1) & ~(Alignment - 1);
    }

    [TearDown]
    public void Release() => Platform.Pages.Release(_memory, 4 * Alignment);

    [TestCase(0, Verdict.Reachable, TestName = "What_a_shrunk_heap_uses_counts")]
    [TestCase(1, Verdict.Definite, TestName = "What_a_shrunk_heap_has_free_does_not_count")]
    [TestCase(2, Verdict.Definite, TestName = "The_top_of_a_shrunk_heap_does_not_count")]
    [TestCase(3, Verdict.Definite, TestName = "What_a_shrunk_heap_gave_back_does_not_count")]
    public void Shrunk_heap(int holder, object expected)
    {
        nuint[] holders = [.. WriteHeap(_heap, Shrunk), _heap + Shrunk + 4096];
        WriteNotes(_heap, Shrunk, Accessible);
        Assert.That(VerdictWhenHeldAt(holders[holder], _heap, _heap + Accessible), Is.EqualTo((Verdict)expected));
    }

    // Without the proof all of the memory counts.
    [TestCase(Shrunk, Accessible - 4096, TestName = "A_note_of_another_size_is_not_believed")]
    [TestCase(Shrunk - 4096, Accessible, TestName = "A_note_of_an_end_where_no_chunk_ends_is_not_believed")]
    [TestCase(Shrunk + 8, Accessible, TestName = "A_note_of_an_end_that_is_no_page_is_not_believed")]
    [TestCase(Accessible, Accessible, TestName = "A_heap_that_did_not_shrink_must_end_with_its_memory")]
    public void Unproven_heap(int used, int accessible)
    {
        nuint free = WriteHeap(_heap, Shrunk)[1];
        WriteNotes(_heap, (nuint)used, (nuint)accessible);
        Assert.That(VerdictWhenHeldAt(free, _heap, _heap + Accessible), Is.EqualTo(Verdict.Reachable));
    }

    [TestCase(0, 0, Verdict.Reachable, TestName = "What_the_first_of_two_joined_heaps_uses_counts")]
    [TestCase(0, 1, Verdict.Definite, TestName = "What_the_first_of_two_joined_heaps_has_free_does_not_count")]
    [TestCase(1, 0, Verdict.Reachable, TestName = "What_the_second_of_two_joined_heaps_uses_counts")]
    [TestCase(1, 1, Verdict.Definite, TestName = "What_the_second_of_two_joined_heaps_has_free_does_not_count")]
    [TestCase(2, 0, Verdict.Reachable, TestName = "Memory_before_joined_heaps_counts")]
    [TestCase(2, 1, Verdict.Reachable, TestName = "Memory_behind_joined_heaps_counts")]
    public void Joined_heaps(int heap, int holder, object expected)
    {
        nuint second = _heap + Alignment, end = second + Alignment;
        nuint[][] holders = [WriteHeap(_heap, Alignment - 32), WriteHeap(second, Shrunk), [_heap - 4096, end + 4096]];
        *(nuint*)(_heap + Alignment - 32 + 8) = 16 | 1; // the fence behind a full heap's last chunk
        *(nuint*)(_heap + Alignment - 16 + 8) = 16 | 1;
        WriteNotes(_heap, Alignment, Alignment);
        WriteNotes(second, Shrunk, Alignment);
        Assert.That(VerdictWhenHeldAt(holders[heap][holder], _heap - 8192, end + 8192), Is.EqualTo((Verdict)expected));
    }

    private static void WriteNotes(nuint heap, nuint used, nuint accessible)
    {
        ((nuint*)heap)[2] = used;
        ((nuint*)heap)[3] = accessible;
    }

    // A used chunk, a free one, and the rest. Returns a place in each.
    private static nuint[] WriteHeap(nuint heap, nuint byteCount)
    {
        nuint used = heap + First, free = used + Used, rest = free + Free;
        *(nuint*)(used + 8) = Used | 1;
        *(nuint*)(free + 8) = Free | 1;
        *(nuint*)(rest + 8) = (heap + byteCount - rest) & ~(nuint)15;
        return [used + 32, free + 32, rest + 32];
    }

    private static Verdict VerdictWhenHeldAt(nuint place, nuint start, nuint end)
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 32), own = (nuint)world.Root, ownEnd = (nuint)world.Heap + 4096;
        *(nuint*)place = block;
        world.Context.FreeChunkKey = unchecked((nuint)Key);
        bool isBelow = own < start; // mappings are listed in order of address
        if (isBelow)
        {
            world.Map(own, ownEnd, MappingAccess.Read | MappingAccess.Write);
        }

        world.Map(start, end, MappingAccess.Read | MappingAccess.Write);
        if (!isBelow)
        {
            world.Map(own, ownEnd, MappingAccess.Read | MappingAccess.Write);
        }

        world.Scan();
        return world.VerdictOf(block);
    }
}
