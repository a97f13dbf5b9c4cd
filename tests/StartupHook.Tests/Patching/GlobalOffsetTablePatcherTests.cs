// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux.Patching;

namespace NativeLeak.StartupHook.Tests.Patching;

/// <summary>Slots of a copy of the library, sealed as the loader seals them.</summary>
[TestFixture]
internal sealed unsafe class GlobalOffsetTablePatcherTests
{
    private const int ProtRead = 1, ProtReadWrite = 3;

    [OneTimeSetUp]
    public void StartPlatform() => _ = Platform.Pages;

    [Test]
    public void A_sealed_slot_takes_the_address_and_is_sealed_again()
    {
        using ImageCopy copy = new();
        ElfImage image = copy.Parse()!;
        nuint slot = image.FindSlots("malloc").Single().Address;
        nuint original = *(nuint*)slot;
        GlobalOffsetTablePatcher patcher = GlobalOffsetTablePatcher.TryPlan(image, slot)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(image.LoaderProtection(slot), Is.EqualTo(ProtRead), "RELRO");
            Assert.That(patcher.Original, Is.EqualTo(original));
            Assert.That(patcher.TryApply(0x1234, out string reason), Is.True, reason);
            Assert.That(*(nuint*)slot, Is.EqualTo((nuint)0x1234));
            Assert.That(Protection(slot), Is.EqualTo("r--p"));
            Assert.That(patcher.TryUndo(out reason), Is.True, reason);
            Assert.That(*(nuint*)slot, Is.EqualTo(original));
            Assert.That(Protection(slot), Is.EqualTo("r--p"));
        }
    }

    [Test]
    public void A_slot_that_somebody_else_changed_is_left_alone()
    {
        using ImageCopy copy = new();
        ElfImage image = copy.Parse()!;
        nuint slot = image.FindSlots("free").Single().Address;
        GlobalOffsetTablePatcher patcher = GlobalOffsetTablePatcher.TryPlan(image, slot)!;
        *(nuint*)slot = 0x5678;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(patcher.TryApply(0x1234, out string reason), Is.False);
            Assert.That(reason, Does.Contain("changed"));
            Assert.That(*(nuint*)slot, Is.EqualTo((nuint)0x5678));
        }
    }

    [Test]
    public void What_is_not_a_slot_is_refused()
    {
        using ImageCopy copy = new();
        ElfImage image = copy.Parse()!;
        nuint slot = image.FindSlots("free").Single().Address;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(GlobalOffsetTablePatcher.TryPlan(image, slot + 1), Is.Null, "not aligned");
            Assert.That(GlobalOffsetTablePatcher.TryPlan(image, 8), Is.Null, "not in the module");
        }
    }

    [Test]
    public void Protections_are_those_the_loader_left()
    {
        ElfImage image = LoadedModules.Find("libSystem.Native.so")!;
        nuint slot = image.FindSlots("malloc").Single().Address;
        Assert.That(image.TryFindExport("SystemNative_Malloc", out ElfExport export));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Protection(slot), Is.EqualTo("r--p"));
            Assert.That(image.LoaderProtection(slot), Is.EqualTo(ProtRead));
            Assert.That(Protection(export.Address), Is.EqualTo("r-xp"));
            Assert.That(image.LoaderProtection(export.Address), Is.EqualTo(5));
            ElfSegment data = image.Segments[^1];
            Assert.That(Protection(data.Range.Start), Is.EqualTo("rw-p"));
            Assert.That(image.LoaderProtection(data.Range.Start), Is.EqualTo(ProtReadWrite));
            Assert.That(image.LoaderProtection(8), Is.Zero);
        }
    }

    // The kernel's own word for it.
    private static string Protection(nuint address)
    {
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] bounds = line[..line.IndexOf(' ')].Split('-');
            if (address >= nuint.Parse(bounds[0], System.Globalization.NumberStyles.HexNumber)
                && address < nuint.Parse(bounds[1], System.Globalization.NumberStyles.HexNumber))
            {
                return line.Substring(line.IndexOf(' ') + 1, 4);
            }
        }

        return "";
    }
}
