// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;
using NativeLeak.Interop.Tests.Actors;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Fault-safe reads, and the control that shows what an ordinary read does (trap 6).</summary>
internal sealed unsafe class SafeReadTests
{
    private const int Page = 4096, Pages = 8;

    [OneTimeSetUp]
    public void Prepare() => RawSyscall.Initialize();

    [Test]
    public void Readable_memory_is_copied_whole()
    {
        using GuardedPages pages = Filled();
        byte[] destination = new byte[Pages * Page];
        Assert.That((int)new LinuxProcessMemory().Read((nuint)pages.Start, destination), Is.EqualTo(destination.Length));
        Assert.That(destination, Is.EqualTo(new Span<byte>(pages.Start, destination.Length).ToArray()));
    }

    [Test]
    public void The_copy_stops_exactly_at_a_page_that_may_not_be_read([Values(1, 3, 7)] int hole, [Values(0, 1, 4095)] int offset)
    {
        using GuardedPages pages = Filled();
        GuardedPages.Protect(pages.Start + (hole * Page), Page, 0);
        AssertStopsAt(pages, hole, offset);
    }

    [Test]
    public void The_copy_stops_exactly_at_a_page_that_is_not_mapped([Values(1, 3, 7)] int hole, [Values(0, 1, 4095)] int offset)
    {
        using GuardedPages pages = Filled();
        pages.MakeHole(hole * Page, Page);
        AssertStopsAt(pages, hole, offset);
    }

    [Test]
    public void The_copy_stops_exactly_at_the_end_of_a_mapped_file()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, new byte[Page + 100]);
            using FileStream stream = File.OpenRead(file);
            nint mapped = RawSyscall.Invoke(
                SyscallNumber.Mmap, 0, 4 * Page, 1, 2, stream.SafeFileHandle.DangerousGetHandle(), 0);
            Assert.That((long)mapped, Is.Positive);

            // The rest of the last page reads as zeros; the page after it is mapped, but any access is a bus error.
            Assert.That((int)new LinuxProcessMemory().Read((nuint)mapped, new byte[4 * Page]), Is.EqualTo(2 * Page));
            RawSyscall.Invoke(SyscallNumber.Munmap, mapped, 4 * Page);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public void A_read_that_starts_in_a_hole_copies_nothing()
    {
        using GuardedPages pages = Filled();
        byte[] destination = new byte[64];
        LinuxProcessMemory memory = new();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((int)memory.Read((nuint)pages.End, destination), Is.Zero);
            Assert.That((int)memory.Read(0, destination), Is.Zero);
            Assert.That((int)memory.Read(nuint.MaxValue, destination), Is.Zero);
            Assert.That((int)memory.Read(unchecked((nuint)0x8000_0000_0000_0000), destination), Is.Zero);
            Assert.That((int)memory.Read((nuint)pages.Start, []), Is.Zero);
            Assert.That(destination, Is.All.Zero);
            fixed (byte* target = destination)
            {
                Assert.That((int)SafeRead.Copy(Environment.ProcessId, (nuint)pages.End, target, 64),
                    Is.EqualTo(-ErrorNumber.EFAULT));
                Assert.That((int)SafeRead.Copy(int.MaxValue, (nuint)pages.Start, target, 64), Is.EqualTo(-ErrorNumber.ESRCH));
            }
        }
    }

    [Test]
    public void A_thread_that_unmaps_meanwhile_makes_reads_short_and_nothing_worse()
    {
        nuint area = Platform.Pages.Reserve(64 * Page);
        bool stop = false;
        Thread mapper = new(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                GuardedPages.Protect((void*)area, 64 * Page, 3);
                GuardedPages.Protect((void*)(area + (32 * Page)), 32 * Page, 0);
            }
        });
        mapper.Start();
        byte[] destination = new byte[64 * Page];
        LinuxProcessMemory memory = new();
        for (int i = 0; i < 2000; i++)
        {
            Assert.That((int)memory.Read(area, destination) % Page, Is.Zero);
        }

        Volatile.Write(ref stop, true);
        mapper.Join();
        Platform.Pages.Release(area, 64 * Page);
    }

    [Test]
    public void Control_an_ordinary_read_of_an_unmapped_page_kills_the_process_and_a_safe_read_does_not()
    {
        ActorEnding safe = ActorProcess.Run("read-unmapped", "safe");
        ActorEnding raw = ActorProcess.Run("read-unmapped", "raw");
        Assert.That(safe.ExitCode, Is.Zero, safe.ToString());
        Assert.That(raw.ExitCode, Is.EqualTo(128 + 6), "abort: an access violation cannot be caught");
        Assert.That(raw.Errors, Does.Contain("AccessViolationException"));
    }

    [Actor("read-unmapped")]
    public static int ReadUnmapped(string[] arguments)
    {
        byte* page = (byte*)Platform.Pages.AllocatePrivate(Page);
        GuardedPages.Unmap(page, Page);
        try
        {
            return arguments[0] == "safe"
                ? (int)new LinuxProcessMemory().Read((nuint)page, new byte[8])
                : *page;
        }
        catch (Exception)
        {
            return 99; // never: that is the point
        }
    }

    private static GuardedPages Filled()
    {
        GuardedPages pages = new(Pages * Page);
        new Random(5).NextBytes(new Span<byte>(pages.Start, Pages * Page));
        return pages;
    }

    private static void AssertStopsAt(GuardedPages pages, int hole, int offset)
    {
        byte[] expected = new Span<byte>(pages.Start + offset, (hole * Page) - offset).ToArray();
        byte[] destination = new byte[Pages * Page];
        int count = (int)new LinuxProcessMemory().Read((nuint)(pages.Start + offset), destination);
        Assert.That(count, Is.EqualTo(expected.Length));
        Assert.That(destination[..count], Is.EqualTo(expected));
        Assert.That(destination[count..], Is.All.Zero);
    }
}
