// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>The parser against a hand-made corpus, cut and damaged text, and this process's own maps.</summary>
internal sealed unsafe class MapsReaderTests
{
    private const string Corpus =
        """
        00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon
        00e03000-00e24000 rw-p 00000000 00:00 0           [heap]
        35b1800000-35b1820000 r--s 00000000 08:02 135522  /usr/lib64/ld-2.15.so
        7f2c0000-7f2d0000 ---p 00000000 00:00 0
        7f2d0000-7f2e0000 rw-p 00000000 00:00 0 
        7f5b00000000-7f5b00400000 rw-s 00000000 00:01 2054  /memfd:doublemapper (deleted)
        7f5b00400000-7f5b00800000 r-xs 00000000 00:01 2054                       /memfd:doublemapper (deleted)
        7f5b01000000-7f5b01001000 rw-s 00000000 00:01 77    /memfd:other (deleted)
        7f5b02000000-7f5b02001000 rw-s 00000000 00:01 78    /dev/zero (deleted)
        7f5b02100000-7f5b02101000 rw-s 00000000 00:01 78    /dev/zero
        7f5b03000000-7f5b03001000 rw-s 00000000 00:15 9     /dev/shm/pulse-shm-1 (deleted)
        7f5b04000000-7f5b04001000 rw-s 00000000 00:05 32769 /SYSV00000000 (deleted)
        7f5b05000000-7f5b05001000 rw-s 00000000 00:06 400   /dev/dri/renderD128
        7f5b05100000-7f5b05101000 rw-s 00000000 00:06 401   /dev/zeroconf
        7f5b06000000-7f5b06001000 rw-s 00000000 00:0d 1031  anon_inode:[io_uring]
        7f5b07000000-7f5b07001000 rw-p 00000000 00:0e 1031  /anon_hugepage (deleted)
        7f5b08000000-7f5b08001000 rw-s 00000000 00:0f 5     /[aio] (deleted)
        7f5b09000000-7f5b09001000 rw-p 00000000 00:00 0     [anon:glibc: malloc arena]
        7f5b0a000000-7f5b0a001000 rw-s 00000000 00:01 6     [anon_shmem:shared]
        7f5b0b000000-7f5b0b001000 rw-p 00000000 00:00 0     [stack:1001]
        7f5b0c000000-7f5b0c001000 r--p 00000000 fd:01 42    /srv/a user/with  spaces (deleted)/x.so (deleted)
        7f5b0d000000-7f5b0d001000 r--p 00000000 fd:01 43    /var/new\012line [heap]
        7ffc2b3c0000-7ffc2b3e1000 rw-p 00000000 00:00 0     [stack]
        7ffc2b3f0000-7ffc2b3f4000 r--p 00000000 00:00 0     [vvar]
        7ffc2b3f4000-7ffc2b3f6000 r-xp 00000000 00:00 0     [vdso]
        ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]

        """;

    private static readonly MappingKind[] s_corpusKinds =
    [
        MappingKind.File, MappingKind.Heap, MappingKind.File, MappingKind.Anonymous, MappingKind.Anonymous,
        MappingKind.Doublemapper, MappingKind.Doublemapper, MappingKind.SharedMemory, MappingKind.SharedMemory,
        MappingKind.SharedMemory, MappingKind.SharedMemory, MappingKind.SharedMemory, MappingKind.Device,
        MappingKind.Device, MappingKind.Device, MappingKind.Anonymous, MappingKind.Device, MappingKind.NamedAnonymous,
        MappingKind.SharedMemory, MappingKind.ThreadStack, MappingKind.File, MappingKind.File, MappingKind.Stack,
        MappingKind.Special, MappingKind.Special, MappingKind.Special,
    ];

    [OneTimeSetUp]
    public void Prepare() => RawSyscall.Initialize();

    [Test]
    public void Every_line_of_the_corpus_is_read_as_what_it_is()
    {
        Mapping[] mappings = Parse(Corpus, 100);
        Assert.That(mappings.Select(mapping => mapping.Kind), Is.EqualTo(s_corpusKinds));
    }

    [Test]
    public void Addresses_access_and_inode_are_exact()
    {
        Mapping[] mappings = Parse(Corpus, 100);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(mappings[0].Range, Is.EqualTo(new MemoryRange(0x400000, 0x452000)));
            Assert.That(mappings[0].Access, Is.EqualTo(MappingAccess.Read | MappingAccess.Execute));
            Assert.That(mappings[0].Inode, Is.EqualTo(173521));
            Assert.That(mappings[2].Access, Is.EqualTo(MappingAccess.Read | MappingAccess.Shared));
            Assert.That(mappings[3].Access, Is.EqualTo(MappingAccess.None));
            Assert.That(mappings[5].Access, Is.EqualTo(MappingAccess.Read | MappingAccess.Write | MappingAccess.Shared));
            Assert.That(mappings[^1].Range, Is.EqualTo(new MemoryRange(
                unchecked((nuint)0xffffffffff600000), unchecked((nuint)0xffffffffff601000))));
            Assert.That(mappings[^1].Access, Is.EqualTo(MappingAccess.Execute));
        }
    }

    [Test]
    public void Any_cut_of_the_text_gives_the_mappings_of_its_complete_lines()
    {
        Mapping[] whole = Parse(Corpus, 100);
        for (int length = 0; length <= Corpus.Length; length++)
        {
            string cut = Corpus[..length];
            Assert.That(Parse(cut, 100), Is.EqualTo(whole.Take(cut.Count(c => c == '\n'))), $"cut at {length}");
        }
    }

    [Test]
    public void Damaged_text_never_faults_and_never_gives_more_mappings_than_lines()
    {
        Prop.ForAll<int, byte, int>((seed, value, count) =>
        {
            byte[] text = Encoding.ASCII.GetBytes(Corpus);
            Random random = new(seed);
            for (int i = 0; i < Math.Min(Math.Abs((long)count), 50) + 1; i++)
            {
                text[random.Next(text.Length)] = (byte)(value + random.Next(256));
            }

            Mapping[] mappings = Parse(text, 1000);
            return mappings.Length <= text.Count(b => b == '\n') && mappings.All(mapping => mapping.End >= mapping.Start);
        }).QuickCheckThrowOnFailure();
    }

    [Test]
    public void Generated_mappings_come_back_as_they_were_written()
    {
        Prop.ForAll<uint, uint, ulong>((start, pages, inode) =>
        {
            nuint from = (nuint)start << 12, to = from + ((nuint)pages << 12);
            MappingAccess wanted = (MappingAccess)((start ^ pages) & 15);
            string letters = string.Concat(
                wanted.HasFlag(MappingAccess.Read) ? 'r' : '-', wanted.HasFlag(MappingAccess.Write) ? 'w' : '-',
                wanted.HasFlag(MappingAccess.Execute) ? 'x' : '-', wanted.HasFlag(MappingAccess.Shared) ? 's' : 'p');
            string line = string.Create(CultureInfo.InvariantCulture,
                $"{from:x8}-{to:x8} {letters} 00000000 00:00 {inode}                  /a file\n");
            Mapping mapping = Parse(line, 1).Single();
            return mapping.Range == new MemoryRange(from, to) && mapping.Access == wanted && mapping.Inode == inode
                && mapping.Kind == MappingKind.File;
        }).QuickCheckThrowOnFailure();
    }

    [Test]
    public void Sixty_five_thousand_mappings_are_read_in_order()
    {
        StringBuilder text = new();
        for (int i = 0; i < 65_000; i++)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"{0x7f0000000000 + (i * 0x2000L):x}-{0x7f0000001000 + (i * 0x2000L):x} rw-p 00000000 00:00 0 \n");
        }

        Mapping[] mappings = Parse(text.ToString(), 65_000);
        Assert.That(mappings, Has.Length.EqualTo(65_000));
        Assert.That(mappings.Select(mapping => (ulong)mapping.Start), Is.Ordered);
        Assert.That(ParseCount(text.ToString(), 64_999), Is.EqualTo(-1), "one too few is said, not cut");
    }

    [Test]
    public void The_maps_of_this_process_contain_its_stack_its_heap_and_its_runtime()
    {
        byte[] text = ReadSelf();
        Mapping[] mappings = Parse(text, 70_000);
        int local = 0;
        nuint stack = (nuint)(&local);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(mappings, Has.Length.EqualTo(text.Count(b => b == (byte)'\n')));
            Assert.That(mappings.Count(mapping => mapping.Kind == MappingKind.Stack), Is.EqualTo(1));
            Assert.That(mappings.Count(mapping => mapping.Kind == MappingKind.Doublemapper), Is.Positive);
            Assert.That(mappings.Count(mapping => mapping.Kind == MappingKind.File), Is.GreaterThan(10));
            Assert.That(mappings.Count(mapping => mapping.Range.Contains(stack)), Is.EqualTo(1));
            Assert.That(mappings.Select(mapping => (ulong)mapping.Start), Is.Ordered);
        }
    }

    [Test]
    public void A_text_longer_than_the_buffer_fills_it_and_a_missing_file_is_an_error_number()
    {
        byte* buffer = stackalloc byte[300];
        fixed (byte* maps = "/proc/self/maps\0"u8, missing = "/proc/self/no-such-file\0"u8)
        {
            Assert.That((long)MapsReader.Read(maps, buffer, 300), Is.EqualTo(300));
            Assert.That((long)MapsReader.Read(missing, buffer, 300), Is.EqualTo(-ErrorNumber.ENOENT));
        }
    }

    private static byte[] ReadSelf()
    {
        byte[] buffer = new byte[8 << 20];
        fixed (byte* at = buffer, path = "/proc/self/maps\0"u8)
        {
            nint length = MapsReader.Read(path, at, buffer.Length);
            Assert.That((long)length, Is.GreaterThan(0).And.LessThan(buffer.Length));
            return buffer[..(int)length];
        }
    }

    private static int ParseCount(string text, int capacity)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        Mapping[] mappings = new Mapping[capacity];
        fixed (byte* at = bytes)
        fixed (Mapping* destination = mappings)
        {
            return MapsReader.Parse(at, bytes.Length, destination, capacity);
        }
    }

    private static Mapping[] Parse(string text, int capacity) => Parse(Encoding.ASCII.GetBytes(text), capacity);

    // The text stands at the very end of a page that is followed by an inaccessible one: one byte too many is a crash.
    private static Mapping[] Parse(byte[] text, int capacity)
    {
        using GuardedPages pages = new(text.Length);
        text.CopyTo(new Span<byte>(pages.End - text.Length, text.Length));
        Mapping[] mappings = new Mapping[capacity];
        fixed (Mapping* destination = mappings)
        {
            int count = MapsReader.Parse(pages.End - text.Length, text.Length, destination, capacity);
            return mappings[..count];
        }
    }
}
