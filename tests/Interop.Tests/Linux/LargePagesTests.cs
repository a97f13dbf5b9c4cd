// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Large pages come where they are asked for, and nowhere else. What the kernel noted is in its list of mappings.</summary>
[TestFixture]
internal sealed unsafe class LargePagesTests
{
    private const nuint LargeByteCount = 2 << 20;

    // Large reservations go to a place of their own, which is aligned.
    private const nuint ReservedByteCount = 1 << 30;

    private const string Wanted = "hg", Declined = "nh";

    [Test]
    public void AReservationDeclinesThemUntilTheyAreAskedFor()
    {
        if (!File.Exists("/sys/kernel/mm/transparent_hugepage/enabled"))
        {
            Assert.Ignore("this kernel has no large pages");
        }

        IPageSource pages = Platform.Pages;
        nuint memory = pages.Reserve(ReservedByteCount);
        Assert.That(memory % LargeByteCount, Is.EqualTo(nuint.Zero));
        try
        {
            Assert.That(FlagsAt(memory), Does.Contain(Declined).And.Not.Contain(Wanted));
            Assert.That(pages.Commit(memory, 4 * LargeByteCount));
            Assert.That(pages.PreferLarge(memory + LargeByteCount, LargeByteCount));
            Assert.That(FlagsAt(memory + LargeByteCount), Does.Contain(Wanted).And.Not.Contain(Declined));
            Assert.That(FlagsAt(memory), Does.Contain(Declined), "below");
            Assert.That(FlagsAt(memory + (2 * LargeByteCount)), Does.Contain(Declined), "behind");

            // Safety: inside the committed part. Whatever the system does for others, one touch is one small page here.
            *(byte*)memory = 1;
            Assert.That(pages.CountTouched(memory, LargeByteCount), Is.EqualTo(pages.PageByteCount));
        }
        finally
        {
            pages.Release(memory, ReservedByteCount);
        }
    }

    [Test]
    public void WhatIsNotAWholeLargePageIsRefused()
    {
        IPageSource pages = Platform.Pages;
        nuint memory = pages.Reserve(ReservedByteCount);
        try
        {
            Assert.That(pages.PreferLarge(memory + 4096, LargeByteCount), Is.False);
            Assert.That(pages.PreferLarge(memory, 4096), Is.False);
            Assert.That(pages.PreferLarge(8, LargeByteCount), Is.False, "nobody's memory");
        }
        finally
        {
            pages.Release(memory, ReservedByteCount);
        }
    }

    // The VmFlags line of the mapping around an address.
    private static string[] FlagsAt(nuint address)
    {
        bool isInside = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            int dash = line.IndexOf('-', StringComparison.Ordinal);
            if (dash > 0 && nuint.TryParse(line[..dash], System.Globalization.NumberStyles.HexNumber, null, out nuint start)
                && nuint.TryParse(line[(dash + 1)..line.IndexOf(' ', StringComparison.Ordinal)],
                    System.Globalization.NumberStyles.HexNumber, null, out nuint end))
            {
                isInside = start <= address && address < end;
            }
            else if (isInside && line.StartsWith("VmFlags:", StringComparison.Ordinal))
            {
                return line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..];
            }
        }

        return [];
    }
}
