// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux.Patching;

namespace NativeLeak.StartupHook.Tests.Patching;

/// <summary>
/// A copy of the mapped libSystem.Native whose tables may be damaged. Between and around its segments lie pages without
/// any access: a reader that trusts a damaged table ends the test run.
/// </summary>
internal sealed unsafe class ImageCopy : IDisposable
{
    private const nuint Page = 4096;
    private const nuint Margin = 1 << 20;
    private readonly nuint _reservation;
    private readonly nuint _byteCount;

    public ImageCopy()
    {
        Original = LoadedModules.Find("libSystem.Native.so")!;
        Headers = ReadHeaders(Original);
        nuint end = Original.Segments.Max(segment => segment.Range.End) - Original.LoadBias;
        _byteCount = ((end + Page - 1) & ~(Page - 1)) + (2 * Margin);
        _reservation = Platform.Pages.Reserve(_byteCount);
        Assert.That(_reservation, Is.Not.Zero);
        LoadBias = _reservation + Margin;
        foreach (ElfSegment segment in Original.Segments)
        {
            nuint from = segment.Range.Start - Original.LoadBias;
            nuint start = from & ~(Page - 1);
            nuint stop = (segment.Range.End - Original.LoadBias + Page - 1) & ~(Page - 1);
            Assert.That(Platform.Pages.Commit(LoadBias + start, stop - start), Is.True);
            Buffer.MemoryCopy(
                (void*)segment.Range.Start, (void*)(LoadBias + from), segment.Range.ByteCount, segment.Range.ByteCount);
        }

        // The loader added its bias to the table addresses in place: take it out again, as in the file.
        for (Elf64Dynamic* entry = Dynamic; entry->Tag != ElfFormat.DT_NULL; entry++)
        {
            if (entry->Value >= Original.LoadBias)
            {
                entry->Value -= Original.LoadBias;
            }
        }
    }

    public ElfImage Original { get; }

    public nuint LoadBias { get; }

    public Elf64ProgramHeader[] Headers { get; }

    public Elf64Dynamic* Dynamic
        => (Elf64Dynamic*)(LoadBias + (nuint)Headers.First(header => header.Type == ElfFormat.PT_DYNAMIC).VirtualAddress);

    /// <summary>The copy's committed, readable ranges.</summary>
    public IEnumerable<MemoryRange> Segments => Original.Segments.Select(segment => new MemoryRange(
        segment.Range.Start - Original.LoadBias + LoadBias, segment.Range.End - Original.LoadBias + LoadBias));

    public ElfImage? Parse()
    {
        fixed (Elf64ProgramHeader* headers = Headers)
        {
            return ElfImage.TryParse("copy", LoadBias, headers, Headers.Length);
        }
    }

    public void Dispose() => Platform.Pages.Release(_reservation, _byteCount);

    // The ELF header is at the start of the first segment: e_phoff at 32, e_phnum at 56.
    private static Elf64ProgramHeader[] ReadHeaders(ElfImage image)
    {
        nuint start = image.Segments[0].Range.Start;
        return new ReadOnlySpan<Elf64ProgramHeader>(
            (void*)(start + *(nuint*)(start + 32)), *(ushort*)(start + 56)).ToArray();
    }
}
