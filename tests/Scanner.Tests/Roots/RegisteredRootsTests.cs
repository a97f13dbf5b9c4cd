// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Roots;

namespace NativeLeak.Scanner.Tests.Roots;

[TestFixture]
[NonParallelizable]
internal sealed unsafe class RegisteredRootsTests
{
    [Test]
    public void ARangeStaysUntilItsLastRegistrationIsDisposed()
    {
        int before = RegisteredRoots.Count;
        RootRegistration first = LeakDetector.RegisterRoot((void*)0x1000, 64);
        RootRegistration second = LeakDetector.RegisterRoot((void*)0x1000, 64);
        Assert.That(RegisteredRoots.Count, Is.EqualTo(before + 1), "one entry, counted twice");
        first.Dispose();
        first.Dispose();
        Assert.That(Has(0x1000, 0x1040), Is.True, "a double Dispose takes nothing of the other's");
        second.Dispose();
        Assert.That((Has(0x1000, 0x1040), RegisteredRoots.Count), Is.EqualTo((false, before)));
    }

    [Test]
    public void ACopyHoldsEveryRangeOrNone()
    {
        RootRegistration first = LeakDetector.RegisterRoot((void*)0x1000, 64), second = LeakDetector.RegisterRoot((void*)0x2000, 64);
        int count = RegisteredRoots.Count;
        RootEntry* copy = stackalloc RootEntry[64];
        Assert.Multiple(() =>
        {
            Assert.That(RegisteredRoots.CopyTo(copy, 64), Is.EqualTo(count));
            Assert.That(new Span<RootEntry>(copy, count).ToArray().Select(static entry => entry.Start), Does.Contain((nuint)0x1000).And.Contain((nuint)0x2000));
            Assert.That(RegisteredRoots.CopyTo(copy, count - 1), Is.EqualTo(-1));
        });
        first.Dispose();
        second.Dispose();
    }

    [Test]
    public void AnUnmatchedRemovalIsHarmless()
        => Assert.That(RegisteredRoots.Remove(new MemoryRange(0x9000, 0x9001)), Is.False);

    [Test]
    public void TheTableGrowsAndForgetsInAnyOrder()
    {
        const int Count = 1000;
        int before = RegisteredRoots.Count;
        RootRegistration[] registrations = new RootRegistration[Count];
        for (int i = 0; i < Count; i++)
        {
            registrations[i] = LeakDetector.RegisterRoot((void*)(0x10_0000 + (i * 16)), 16);
        }

        Assert.That(RegisteredRoots.Count, Is.EqualTo(before + Count));
        for (int i = 0; i < Count; i += 2)
        {
            registrations[i].Dispose();
        }

        for (int i = 0; i < Count; i++)
        {
            nuint start = (nuint)(0x10_0000 + (i * 16));
            Assert.That(Has(start, start + 16), Is.EqualTo(i % 2 == 1));
        }

        Array.ForEach(registrations, static registration => registration.Dispose());
        Assert.That(RegisteredRoots.Count, Is.EqualTo(before));
    }

    [Test]
    public void ManyThreadsRegisterAndDisposeWithoutLosingAny()
    {
        int before = RegisteredRoots.Count;
        Parallel.For(0, 8, static worker =>
        {
            for (int i = 0; i < 500; i++)
            {
                using RootRegistration own = LeakDetector.RegisterRoot((void*)(0x2000_0000 + (worker * 64)), 64);
                using RootRegistration shared = LeakDetector.RegisterRoot((void*)0x3000_0000, 64);
            }
        });
        Assert.That(RegisteredRoots.Count, Is.EqualTo(before));
    }

    [Test]
    public void ArgumentsAreChecked()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => LeakDetector.RegisterRoot(null, 1), Throws.ArgumentNullException);
            Assert.That(
                () => LeakDetector.RegisterRoot((void*)16, nuint.MaxValue),
                Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => LeakDetector.RegisterRoot(null, 0).Dispose(), Throws.Nothing);
        });
    }

    private static bool Has(nuint start, nuint end)
    {
        for (int i = 0; i < RegisteredRoots.Count; i++)
        {
            if (RegisteredRoots.Table[i].Start == start && RegisteredRoots.Table[i].End == end)
            {
                return true;
            }
        }

        return false;
    }
}
