// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: long ranges read through the memory file against the same ranges read directly.
// The one idea: a file that is not the memory shows which words came through it.
using System.Runtime.InteropServices;
using System.Text;
using NativeLeak.Marking;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

[TestFixture]
internal sealed unsafe class LinearReadingTests
{
    private const int Blocks = 2000, BlockByteCount = 48, Step = 64, BigByteCount = 3 << 20;
    private const nuint Piece = LinearReading.BufferByteCount;

    [Test]
    public void Words_at_every_step_of_the_border_between_two_pieces_hold_what_they_point_to()
    {
        using MarkingWorld world = Build(out nuint[] blocks, out nuint big);
        nuint[] placed = new nuint[20];
        for (int turn = 0; turn < 24; turn++)
        {
            // One word near each border between pieces, from wholly before it to wholly behind it.
            new Span<byte>((void*)big, BigByteCount).Clear();
            for (int i = 0; i < placed.Length; i++)
            {
                placed[i] = blocks[(turn * placed.Length) + i];
                *(nuint*)(big + ((nuint)(1 + i) * Piece) - 48 + (nuint)(turn * 4)) = placed[i];
            }

            Scan(world, "/proc/self/mem");
            Assert.That(world.Counters.Reachable.Blocks, Is.EqualTo(placed.Length + 1), $"{turn * 4 - 48} bytes from the border");
            Assert.That(placed.Select(block => world.VerdictOf(block)), Has.All.EqualTo(Verdict.Reachable));
        }
    }

    [Test]
    public void A_pointer_to_the_inside_is_found_where_it_stands_not_where_it_was_copied_to()
    {
        using MarkingWorld world = Build(out nuint[] blocks, out nuint big);
        nuint place = big + 40_000;
        *(nuint*)place = blocks[3] + 8;
        Scan(world, "/proc/self/mem");
        Assert.Multiple(() =>
        {
            Assert.That(world.VerdictOf(blocks[3]), Is.EqualTo(Verdict.Possible));
            Assert.That(world.EntryOf(blocks[3]).HolderAddress, Is.EqualTo(place));
        });
    }

    [TestCase("/dev/zero", Verdict.Definite)] // the control: the first piece is read through the file
    [TestCase("/dev/null", Verdict.Reachable)]
    [TestCase("/nowhere", Verdict.Reachable)]
    [TestCase("/proc/self/mem", Verdict.Reachable)]
    public void What_the_file_does_not_give_is_read_directly(string path, Verdict expected)
    {
        using MarkingWorld world = Build(out nuint[] blocks, out nuint big);
        *(nuint*)(big + 64) = blocks[0];
        Scan(world, path);
        Assert.That(world.VerdictOf(blocks[0]), Is.EqualTo(expected));
    }

    [Test]
    public void The_file_is_closed()
    {
        using MarkingWorld world = Build(out _, out _);
        Scan(world, "/proc/self/mem");
        int before = Directory.GetFiles("/proc/self/fd").Count(IsMemory);
        Scan(world, "/proc/self/mem");
        Assert.That(Directory.GetFiles("/proc/self/fd").Count(IsMemory), Is.EqualTo(before));
    }

    private static bool IsMemory(string descriptor)
        => File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.FullName.EndsWith("/mem", StringComparison.Ordinal) == true;

    private static MarkingWorld Build(out nuint[] blocks, out nuint big)
    {
        MarkingWorld world = new(Blocks + 1, (Blocks * Step) + BigByteCount + 8192);
        blocks = [.. Enumerable.Range(0, Blocks).Select(i => world.AddBlock((nuint)(i * Step), BlockByteCount))];
        big = world.AddBlock(Blocks * Step, BigByteCount);
        *(nuint*)world.Root = big;
        return world;
    }

    private static void Scan(MarkingWorld world, string path)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(path + '\0');
        byte* copy = (byte*)NativeMemory.Alloc((nuint)bytes.Length);
        bytes.CopyTo(new Span<byte>(copy, bytes.Length));
        world.Context.SelfMemoryPath = copy;
        world.Scan();
        NativeMemory.Free(copy);
    }
}
