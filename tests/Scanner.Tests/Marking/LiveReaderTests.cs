// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using static NativeLeak.Scanner.Tests.Marking.PlantedBlocks;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Reads of the living process.</summary>
internal sealed unsafe class LiveReaderTests
{
    private const nuint ByteCount = 1 << 20;
    private ConcurrentBuffers _buffers = null!;
    private nuint _memory;

    private LiveReader* Reader => _buffers.Reader;

    [SetUp]
    public void Prepare()
    {
        Assert.That(Platform.Pages, Is.Not.Null);
        _buffers = ConcurrentBuffers.TryCreate()!;
        LiveReader.Reset(Reader);
        Reader->ProcessId = Environment.ProcessId;
        _memory = Map(ByteCount);
        new Random(1).NextBytes(new Span<byte>((void*)_memory, (int)ByteCount));
    }

    [TearDown]
    public void Release()
    {
        _buffers.Dispose();
        RawSyscall.Invoke(SyscallNumber.Munmap, (nint)_memory, (nint)ByteCount);
    }

    [Test]
    public void Words_are_what_stands_there_at_every_offset_and_across_pages()
    {
        for (nuint offset = 4080; offset < 4112; offset++)
        {
            Assert.That((ulong)LiveReader.Word(Reader, _memory + offset), Is.EqualTo(*(ulong*)(_memory + offset)), $"{offset}");
            Assert.That(LiveReader.Half(Reader, _memory + offset), Is.EqualTo(*(uint*)(_memory + offset)), $"{offset}");
        }
    }

    [TestCase(8)]
    [TestCase(2000)]
    [TestCase(5000)]
    [TestCase(600_000)]
    public void Copies_are_what_stands_there(int count)
    {
        byte[] copy = new byte[count];
        fixed (byte* to = copy)
        {
            Assert.That((int)LiveReader.Copy(Reader, _memory + 4000, to, count), Is.EqualTo(count));
        }

        Assert.That(copy, Is.EqualTo(new Span<byte>((void*)(_memory + 4000), count).ToArray()));
    }

    [Test]
    public void Where_nothing_is_words_are_zero_and_copies_end()
    {
        // Not unmapped: another thread of this process might be given the hole.
        Assert.That(RawSyscall.Invoke(SyscallNumber.Mprotect, (nint)(_memory + 65536), 4096, 0) == 0);
        byte* copy = stackalloc byte[16384];
        Assert.Multiple(() =>
        {
            Assert.That((ulong)LiveReader.Word(Reader, _memory + 65536), Is.Zero);
            Assert.That((ulong)LiveReader.Word(Reader, _memory + 65536 - 4), Is.EqualTo(*(uint*)(_memory + 65536 - 4)));
            Assert.That((ulong)LiveReader.Word(Reader, 16), Is.Zero);
            Assert.That((int)LiveReader.Copy(Reader, _memory + 65536 - 5000, copy, 16384), Is.EqualTo(5000));
            Assert.That((int)LiveReader.Copy(Reader, _memory + 65536, copy, 16384), Is.Negative);
        });
    }

    [Test]
    public void What_was_copied_while_its_thread_was_held_is_read_in_place_of_what_stands_there_now()
    {
        byte* held = stackalloc byte[64];
        new Span<byte>(held, 64).Fill(0xAB);
        Reader->Held = _buffers.Capture->Copies;
        Reader->Held[0] = new HeldCopy { Start = _memory + 8184, End = _memory + 8184 + 64, Bytes = held };
        Reader->HeldCount = 1;
        byte[] expected = new Span<byte>((void*)_memory, 16384).ToArray(), copy = new byte[16384];
        expected.AsSpan(8184, 64).Fill(0xAB);
        fixed (byte* to = copy)
        {
            Assert.That((int)LiveReader.Copy(Reader, _memory, to, 16384), Is.EqualTo(16384));
        }

        Assert.That(copy, Is.EqualTo(expected));
        Assert.That((ulong)LiveReader.Word(Reader, _memory + 8188), Is.EqualTo(0xABAB_ABAB_ABAB_ABABul));
        Assert.That((ulong)LiveReader.Word(Reader, _memory + 8180), Is.EqualTo(BitConverter.ToUInt64(expected, 8180)));
    }

    [Test]
    public void After_the_deadline_nothing_is_read_any_more()
    {
        Reader->DeadlineNanoseconds = 1;
        byte[] copy = new byte[1 << 19];
        fixed (byte* to = copy)
        {
            for (int i = 0; i < 16 && Reader->IsAborted == 0; i++)
            {
                LiveReader.Copy(Reader, _memory, to, copy.Length);
            }

            Assert.That(Reader->IsAborted, Is.EqualTo(1));
            Assert.That((int)LiveReader.Copy(Reader, _memory, to, copy.Length), Is.Negative);
        }
    }

    [Test]
    public void Copies_that_overlap_are_sorted_and_cut()
    {
        ThreadCapture* capture = _buffers.Capture;
        byte* bytes = capture->Bytes;
        (nuint Start, nuint End)[] ranges = [(500, 600), (100, 200), (150, 160), (190, 300), (300, 400), (100, 150)];
        capture->CopyCount = ranges.Length;
        for (int i = 0; i < ranges.Length; i++)
        {
            capture->Copies[i] = new HeldCopy { Start = ranges[i].Start, End = ranges[i].End, Bytes = bytes + ranges[i].Start };
        }

        ThreadCapture.Sort(capture);
        HeldCopy[] sorted = new Span<HeldCopy>(capture->Copies, capture->CopyCount).ToArray();
        Assert.Multiple(() =>
        {
            Assert.That(sorted.Zip(sorted.Skip(1)).All(static pair => pair.First.End <= pair.Second.Start), Is.True);
            Assert.That(sorted.Sum(static copy => (long)(copy.End - copy.Start)), Is.EqualTo(400));
            Assert.That(sorted.All(copy => copy.Bytes == bytes + copy.Start), Is.True, "each still shows its own memory");
        });
    }
}
