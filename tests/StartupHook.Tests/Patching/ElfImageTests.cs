// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux.Patching;

namespace NativeLeak.StartupHook.Tests.Patching;

/// <summary>Reading the modules of this process, whole and damaged.</summary>
[TestFixture]
internal sealed unsafe class ElfImageTests
{
    private static readonly string[] s_exports =
        ["Malloc", "Calloc", "Realloc", "Free", "AlignedAlloc", "AlignedFree", "AlignedRealloc"];

    [OneTimeSetUp]
    public void StartPlatform() => _ = Platform.Pages;

    [Test]
    public void The_format_structures_have_the_sizes_of_the_format()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(sizeof(Elf64ProgramHeader), Is.EqualTo(56));
            Assert.That(sizeof(Elf64Dynamic), Is.EqualTo(16));
            Assert.That(sizeof(Elf64Symbol), Is.EqualTo(24));
            Assert.That(sizeof(Elf64Relocation), Is.EqualTo(24));
            Assert.That(sizeof(LoadedModuleEntry), Is.EqualTo(4096), "the collecting stub shifts by 12");
            Assert.That(sizeof(LoadedModuleList), Is.EqualTo(16), "the collecting stub adds 16");
        }
    }

    [Test]
    public void Exports_are_where_the_dynamic_linker_finds_them()
    {
        ElfImage image = LoadedModules.Find("libSystem.Native.so")!;
        nint library = NativeLibrary.Load(image.Name);
        using (Assert.EnterMultipleScope())
        {
            foreach (string name in s_exports.Select(export => "SystemNative_" + export))
            {
                Assert.That(image.TryFindExport(name, out ElfExport export), Is.True, name);
                Assert.That(export.Address, Is.EqualTo((nuint)NativeLibrary.GetExport(library, name)), name);
                Assert.That(export.ByteCount, Is.GreaterThanOrEqualTo((nuint)10), name);
            }

            Assert.That(image.TryFindExport("SystemNative_Mallo", out _), Is.False, "a prefix is not the name");
            Assert.That(image.TryFindExport("SystemNative_Malloc2", out _), Is.False);
            Assert.That(image.TryFindExport("malloc", out _), Is.False, "an import is not an export");
            Assert.That(image.TryFindExport("", out _), Is.False);
        }
    }

    [Test]
    public void Slots_hold_the_functions_they_are_named_after()
    {
        ElfImage image = LoadedModules.Find("libSystem.Native.so")!;
        using (Assert.EnterMultipleScope())
        {
            foreach (string name in (string[])["malloc", "calloc", "realloc", "free", "aligned_alloc"])
            {
                nint function = NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), name);
                List<ElfSlot> slots = image.FindSlots(name);
                Assert.That(slots, Is.Not.Empty, name);
                Assert.That(slots.Select(slot => *(nint*)slot.Address), Is.All.EqualTo(function), name);
            }

            Assert.That(image.FindSlots("no_such_function"), Is.Empty);
        }
    }

    [Test]
    public void The_executable_is_found_and_other_names_are_not()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(LoadedModules.FindExecutable()?.Segments, Is.Not.Empty);
            Assert.That(LoadedModules.Find("libSystem.Native"), Is.Null);
            Assert.That(LoadedModules.Find("ibSystem.Native.so"), Is.Null, "the whole file name counts");
        }
    }

    [Test]
    public void Every_wrapper_of_the_library_is_recognised_by_what_it_calls()
    {
        ElfImage image = LoadedModules.Find("libSystem.Native.so")!;
        Assert.That(WrapperScan.TryFind(image, out SystemNativeFunctions found, out string reason), Is.True, reason);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(found.Malloc.Address, Is.EqualTo(Address("Malloc")));
            Assert.That(found.Calloc.Address, Is.EqualTo(Address("Calloc")));
            Assert.That(found.Realloc.Address, Is.EqualTo(Address("Realloc")));
            Assert.That(found.Free.Address, Is.EqualTo(Address("Free")));
            Assert.That(found.AlignedAlloc.Address, Is.EqualTo(Address("AlignedAlloc")));
            Assert.That(found.AlignedFree.Address, Is.EqualTo(Address("AlignedFree")));
            Assert.That(found.AlignedRealloc.Address, Is.EqualTo(Address("AlignedRealloc")));
        }

        nuint Address(string name) => image.TryFindExport("SystemNative_" + name, out ElfExport export) ? export.Address : 0;
    }

    [Test]
    public void A_module_without_wrappers_is_refused_by_the_scan()
    {
        Assert.That(WrapperScan.TryFind(LoadedModules.Find("libc.so.6")!, out _, out string reason), Is.False);
        Assert.That(reason, Does.Contain("wrappers"));
    }

    [Test]
    public void A_whole_copy_reads_like_the_original()
    {
        using ImageCopy copy = new();
        ElfImage image = copy.Parse()!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(image.TryFindExport("SystemNative_Malloc", out ElfExport found), Is.True);
            Assert.That(copy.Original.TryFindExport("SystemNative_Malloc", out ElfExport original), Is.True);
            Assert.That(found.Address - copy.LoadBias, Is.EqualTo(original.Address - copy.Original.LoadBias));
            Assert.That(image.FindSlots("malloc"), Has.Count.EqualTo(copy.Original.FindSlots("malloc").Count));
            Assert.That(WrapperScan.TryFind(image, out _, out string reason), Is.True, reason);
        }
    }

    [Test]
    public void Damaged_program_headers_are_survived()
    {
        using ImageCopy copy = new();
        Elf64ProgramHeader[] good = [.. copy.Headers];
        Random random = new(1);
        int unreadable = 0;
        for (int i = 0; i < 2000; i++)
        {
            good.CopyTo(copy.Headers, 0);
            // The loader vouches for the segments it mapped; everything else may lie.
            ref Elf64ProgramHeader header = ref copy.Headers[random.Next(good.Length)];
            if (header.Type != ElfFormat.PT_LOAD)
            {
                header.VirtualAddress = (ulong)random.NextInt64() >> random.Next(64);
                header.MemoryByteCount = (ulong)random.NextInt64() >> random.Next(64);
            }

            unreadable += copy.Parse() is { } image && !image.TryFindExport("SystemNative_Malloc", out _) ? 1 : 0;
        }

        Assert.That(unreadable, Is.GreaterThan(0), "the control: some damage must have mattered");
    }

    [Test]
    public void Damaged_tables_are_survived()
    {
        using ImageCopy copy = new();
        MemoryRange[] segments = [.. copy.Segments];
        byte[][] good = [.. segments.Select(segment => new ReadOnlySpan<byte>((void*)segment.Start, (int)segment.ByteCount).ToArray())];
        Random random = new(2);
        int lost = 0;
        for (int i = 0; i < 400; i++)
        {
            for (int s = 0; s < segments.Length; s++)
            {
                good[s].CopyTo(new Span<byte>((void*)segments[s].Start, good[s].Length));
            }

            Damage(copy, segments, random);
            ElfImage image = copy.Parse()!;
            bool found = image.TryFindExport("SystemNative_Malloc", out ElfExport export);
            List<ElfSlot> slots = image.FindSlots("malloc");
            WrapperScan.TryFind(image, out _, out _);
            lost += found && slots.Count > 0 ? 0 : 1;
            Assert.That(!found || image.IsExecutable(export.Address, 1), "what is found lies in code");
            Assert.That(slots, Is.All.Matches<ElfSlot>(slot => image.IsReadable(slot!.Address, 8)));
        }

        Assert.That(lost, Is.GreaterThan(0), "the control: some damage must have mattered");
    }

    [Test]
    public void No_headers_are_no_module()
    {
        Elf64ProgramHeader header = default;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ElfImage.TryParse("none", 0, null, 4), Is.Null);
            Assert.That(ElfImage.TryParse("none", 0, &header, 0), Is.Null);
            Assert.That(ElfImage.TryParse("none", 0, &header, -1), Is.Null);
            Assert.That(ElfImage.TryParse("none", 0, &header, 1), Is.Null, "no segment");
        }
    }

    // Half of the rounds: one dynamic entry lies. The other half: bytes all over the read-only tables do.
    private static void Damage(ImageCopy copy, MemoryRange[] segments, Random random)
    {
        if (random.Next(2) == 0)
        {
            Elf64Dynamic* entry = copy.Dynamic + random.Next(24);
            entry->Value = (ulong)random.NextInt64() >> random.Next(64);
            return;
        }

        for (int i = 0; i < 2000; i++)
        {
            ((byte*)segments[0].Start)[random.Next((int)segments[0].ByteCount)] = (byte)random.Next(256);
        }
    }
}
