// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Tests.Allocation;

/// <summary>What the kernel's page says of the clock is what the clock says.</summary>
[TestFixture]
internal sealed unsafe class CoarsePageTests
{
    [SetUp]
    public void Start() => CoarseClock.Start();

    [Test]
    public void AReadingThatStandsIsTheClocks()
    {
        ClockMemo memo = default;
        int stood = 0, moved = 0;
        long end = Environment.TickCount64 + 300;
        while (Environment.TickCount64 < end)
        {
            TimeSpec before, after;
            CoarseClock.Read(&before);
            bool isStanding = CoarsePage.Stands(&memo.Now);
            CoarseClock.Read(&after);
            if (isStanding)
            {
                stood++;
                Assert.That(Nanoseconds(memo.Now), Is.InRange(Nanoseconds(before), Nanoseconds(after)));
            }
            else
            {
                moved++;
                CoarseClock.Keep(&memo);
            }
        }

        Assert.That(moved, Is.GreaterThan(3), "the clock moves");
        Assert.That(!CoarsePage.IsUsed || stood > moved, "while the page is believed, most readings stand");
        TestContext.Out.WriteLine($"page used: {CoarsePage.IsUsed}; {stood} readings stood, {moved} did not");
    }

    [Test]
    public void AnOldReadingDoesNotStand()
    {
        ClockMemo memo = default;
        CoarseClock.Keep(&memo);
        Thread.Sleep(30);
        Assert.That(CoarsePage.Stands(&memo.Now), Is.False);
        ClockMemo next = default;
        CoarseClock.Keep(&next);
        Assert.That(Nanoseconds(next.Now), Is.GreaterThan(Nanoseconds(memo.Now)));
        memo.Now.Seconds--;
        Assert.That(CoarsePage.Stands(&memo.Now), Is.False, "another second");
    }

    private static long Nanoseconds(TimeSpec time) => (time.Seconds * 1_000_000_000) + time.Nanoseconds;
}
