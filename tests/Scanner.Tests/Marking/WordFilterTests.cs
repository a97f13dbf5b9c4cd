// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the vector filters against the scalar one.
// The one idea: pages without access right before and right behind the range: a load that leaves it ends the process.
using System.Numerics;
using System.Runtime.Intrinsics;
using NativeLeak.Interop;
using NativeLeak.Marking;

namespace NativeLeak.Scanner.Tests.Marking;

[TestFixture]
internal sealed unsafe class WordFilterTests
{
    private const nuint Page = 4096;
    private const int LongestByteCount = 700;
    private nuint _reserved;

    private delegate nuint Variant(WordHits* hits, nuint start, nuint end);

    [SetUp]
    public void Reserve()
    {
        _reserved = Platform.Pages.Reserve(3 * Page);
        Assert.That(Platform.Pages.Commit(_reserved + Page, Page));
    }

    [TearDown]
    public void Release() => Platform.Pages.Release(_reserved, 3 * Page);

    [TestCase(256)]
    [TestCase(512)]
    public void A_vector_filter_finds_what_the_scalar_one_finds_at_every_length_and_both_ends_of_a_page(int bits)
    {
        Variant variant = VariantOf(bits);
        Random random = new(bits);
        long hits = 0;
        for (int byteCount = 0; byteCount < LongestByteCount; byteCount++)
        {
            foreach (int density in new[] { 0, 2, 20 })
            {
                Fill(random, density);
                hits += Compare(variant, _reserved + Page, byteCount);
                nuint end = _reserved + (2 * Page);
                hits += Compare(variant, (end - (nuint)byteCount) & ~(nuint)3, byteCount & ~3);
                hits += Compare(variant, _reserved + Page + 4, byteCount);
            }
        }

        Assert.That(hits, Is.GreaterThan(10_000), "the comparison saw hits");
    }

    [Test]
    public void The_scalar_filter_finds_words_by_their_upper_half_at_every_four_byte_step()
    {
        byte* memory = (byte*)(_reserved + Page);
        for (int at = 0; at <= 56; at++)
        {
            new Span<byte>(memory, 64).Clear();
            *(ulong*)(memory + at) = 0x7F01_0000_1234;
            List<nuint> found = Run(WordFilter.FindScalar, (nuint)memory, 64, high: 0x7F00, span: 1);
            Assert.That(found, at % 4 == 0 ? Is.EqualTo(new[] { (nuint)memory + (nuint)at }) : Is.Empty, $"offset {at}");
        }
    }

    [TestCase(0u, 5u)]
    [TestCase(0u, uint.MaxValue)]
    [TestCase(0x7FFF_FFFFu, 3u)]
    [TestCase(0xFFFF_FFFEu, 1u)]
    [TestCase(0x5500u, 0x2AFFu)]
    public void Every_range_of_upper_halves_is_the_same_to_all(uint high, uint span)
    {
        foreach (int bits in new[] { 256, 512 })
        {
            Variant variant = VariantOf(bits);
            uint[] edges = [high, high + span, high - 1, high + span + 1, 0, 1, uint.MaxValue, int.MaxValue, 0x8000_0000];
            Random random = new(7);
            uint* memory = (uint*)(_reserved + Page);
            for (int i = 0; i < 160; i++)
            {
                memory[i] = edges[random.Next(edges.Length)];
            }

            for (int byteCount = 0; byteCount < 640; byteCount += 4)
            {
                List<nuint> expected = Run(WordFilter.FindScalar, (nuint)memory, byteCount, high, span);
                Assert.That(Run(variant, (nuint)memory, byteCount, high, span), Is.EqualTo(expected), $"{bits} bits, {byteCount} bytes");
            }
        }
    }

    [Test]
    public void The_mask_of_sixteen_units_is_the_same_to_all()
    {
        Random random = new(3);
        uint[] highs = [0x7F00, 0, 0x7FFF_FFFE, 0xFFFF_FFFE], spans = [0, 1, 2, int.MaxValue, uint.MaxValue];
        long ones = 0;
        for (int i = 0; i < 2000; i++)
        {
            Fill(random, i % 20);
            WordHits hits = new() { High = highs[i % 4], HighSpan = spans[i % 5] };
            nuint start = _reserved + Page + (nuint)(random.Next(1009) * 4);
            ulong expected = WordFilter.MaskOfScalar(&hits, start);
            Assert.That(WordFilter.MaskOf256(&hits, start), Is.EqualTo(expected));
            Assert.That(WordFilter.MaskOf(&hits, start), Is.EqualTo(expected));
            ones += BitOperations.PopCount(expected);
        }

        Assert.That(ones, Is.InRange(1000, 31_000), "some of each");
    }

    [TestCase(0, 64, true)]
    [TestCase(4, 256, true)]
    [TestCase(2, 64, false)]
    [TestCase(0, 257, false)]
    [TestCase(4032, 64, true)]
    [TestCase(4036, 16, false)]
    [TestCase(3968, 65, true)]
    [TestCase(3972, 65, false)]
    public void A_short_range_stays_in_its_page_when_it_is_read_in_steps(int offset, int byteCount, bool expected)
        => Assert.That(WordFilter.IsShort(_reserved + (nuint)offset, _reserved + (nuint)(offset + byteCount)), Is.EqualTo(expected));

    [Test]
    public void The_highest_bit_is_found()
    {
        for (int i = 0; i < 64; i++)
        {
            Assert.That(ChildCpu.HighestBitOf((1UL << i) | (((1UL << i) - 1) & 0x5A5A_5A5A_5A5A_5A5A)), Is.EqualTo(1UL << i));
        }
    }

    // Without the instructions the variants are the runtime's own emulation, one call an operation: equal all the same.
    private static Variant VariantOf(int bits)
    {
        Assume.That(Vector128.IsHardwareAccelerated || bits > 0);
        return bits == 512 ? WordFilter.Find512 : WordFilter.Find256;
    }

    private void Fill(Random random, int density)
    {
        uint* memory = (uint*)(_reserved + Page);
        for (nuint i = 0; i < Page / 4; i++)
        {
            memory[i] = random.Next(20) < density ? 0x7F00u + (uint)random.Next(3) : (uint)random.NextInt64(1L << 32);
        }
    }

    private static int Compare(Variant variant, nuint start, int byteCount)
    {
        List<nuint> expected = Run(WordFilter.FindScalar, start, byteCount, 0x7F00, 1);
        Assert.That(Run(variant, start, byteCount, 0x7F00, 1), Is.EqualTo(expected), $"{byteCount} bytes");
        return expected.Count;
    }

    private static List<nuint> Run(Variant variant, nuint start, int byteCount, uint high, uint span)
    {
        nuint* items = stackalloc nuint[WordHits.Capacity];
        WordHits hits = new() { High = high, HighSpan = span, Items = items };
        List<nuint> found = [];
        nuint end = start + (nuint)byteCount;
        for (nuint at = start; at < end;)
        {
            hits.Count = 0;
            nuint next = variant(&hits, at, end);
            Assert.That(next, Is.GreaterThan(at), "it goes on");
            at = next;
            found.AddRange(new ReadOnlySpan<nuint>(items, hits.Count));
        }

        return found;
    }
}
