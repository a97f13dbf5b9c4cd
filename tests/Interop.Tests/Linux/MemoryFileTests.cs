// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Fault-safe reads where process_vm_readv is refused.</summary>
[NonParallelizable]
internal sealed unsafe class MemoryFileTests
{
    private const int Page = 4096, Pages = 8;

    [SetUp]
    public void Prepare() => RawSyscall.Initialize();

    [TearDown]
    public void Release() => MemoryFile.Close();

    [Test]
    public void Where_process_vm_readv_works_no_descriptor_is_opened()
    {
        string[] before = Descriptors();
        Assert.That(MemoryFile.TryOpen(out string? refusal), refusal);
        Assert.That(Descriptors(), Is.EqualTo(before));
    }

    [TestCase(0)]
    [TestCase(100)]
    [TestCase(4095)]
    public void The_memory_file_gives_the_same_bytes_and_stops_at_the_same_page(int offset)
    {
        using GuardedPages pages = new(Pages * Page);
        new Random(3).NextBytes(new Span<byte>(pages.Start, Pages * Page));
        pages.MakeHole(5 * Page, Page);
        byte[] expected = new Span<byte>(pages.Start + offset, (5 * Page) - offset).ToArray();
        Assert.That(MemoryFile.TryOpen(out string? refusal, forceFile: true), refusal);
        byte[] copy = new byte[Pages * Page];
        fixed (byte* to = copy)
        {
            Assert.That((int)SafeRead.Copy(Environment.ProcessId, (nuint)pages.Start + (nuint)offset, to, copy.Length), Is.EqualTo(expected.Length));
            Assert.That((int)SafeRead.Copy(Environment.ProcessId, (nuint)pages.Start + (5 * Page), to, 16), Is.EqualTo(-ErrorNumber.EFAULT));
        }

        Assert.That(copy[..expected.Length], Is.EqualTo(expected));
    }

    [Test]
    public void A_descriptor_that_became_somebody_elses_is_noticed_and_left_to_its_owner()
    {
        string[] before = Descriptors();
        Assert.That(MemoryFile.TryOpen(out _, forceFile: true));
        int descriptor = int.Parse(Descriptors().Except(before).Single(), System.Globalization.CultureInfo.InvariantCulture);
        Assert.That(MemoryFile.IsSound(), Is.True);
        RawSyscall.Invoke(SyscallNumber.Close, descriptor);
        using FileStream other = File.OpenRead("/proc/self/exe");
        Assert.That((int)other.SafeFileHandle.DangerousGetHandle(), Is.EqualTo(descriptor), "the number was given away again");
        Assert.That(MemoryFile.IsSound(), Is.False);
        MemoryFile.Close();
        Assert.That(other.ReadByte(), Is.EqualTo(0x7F), "it is still open");
    }

    private static string[] Descriptors() => [.. Directory.EnumerateFileSystemEntries("/proc/self/fd")
        .Where(static path => File.ResolveLinkTarget(path, false)?.FullName.StartsWith("/proc/", StringComparison.Ordinal) == true
            && File.ResolveLinkTarget(path, false)!.FullName.EndsWith("/mem", StringComparison.Ordinal))
        .Select(static path => Path.GetFileName(path))];
}
