// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Tests.Allocation;

[TestFixture]
internal sealed class CoarseClockTests
{
    [Test]
    public void TicksNeverGoBack()
    {
        CoarseClock.Start();
        uint last = CoarseClock.NowTicks;
        for (int i = 0; i < 10_000; i++)
        {
            uint now = CoarseClock.NowTicks;
            Assert.That(now, Is.GreaterThanOrEqualTo(last));
            last = now;
        }
    }

    [Test]
    public void TicksAreWorth16Milliseconds()
    {
        Assert.That(CoarseClock.Elapsed(10, 20), Is.EqualTo(TimeSpan.FromMilliseconds(160)));
        Assert.That(CoarseClock.ToTicks(TimeSpan.FromMilliseconds(160)), Is.EqualTo(10u));
        Assert.That(CoarseClock.ToTicks(TimeSpan.FromMilliseconds(15)), Is.Zero);
        Assert.That(CoarseClock.ToTicks(TimeSpan.MaxValue), Is.EqualTo(uint.MaxValue));
        Assert.That(CoarseClock.ToTicks(TimeSpan.FromSeconds(-1)), Is.Zero);
    }

    [Test]
    public void AnAgeAcrossTheWrapIsRight()
        => Assert.That(CoarseClock.Elapsed(uint.MaxValue - 4, 5), Is.EqualTo(TimeSpan.FromMilliseconds(160)));

    [Test]
    public void TheClockFollowsRealTime()
    {
        CoarseClock.Start();
        DateTimeOffset now = CoarseClock.ToDateTimeOffset(CoarseClock.NowTicks);
        Assert.That(now, Is.EqualTo(DateTimeOffset.UtcNow).Within(TimeSpan.FromSeconds(30)));
        uint before = CoarseClock.NowTicks;
        SpinWait.SpinUntil(() => CoarseClock.NowTicks != before, TimeSpan.FromSeconds(10));
        Assert.That(CoarseClock.NowTicks, Is.GreaterThan(before));
    }
}
