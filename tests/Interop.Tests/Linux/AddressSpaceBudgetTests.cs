// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

[TestFixture]
internal sealed class AddressSpaceBudgetTests
{
    [Test]
    public void WithoutALimitAnythingMayBeReserved()
    {
        AddressSpaceBudget budget = AddressSpaceBudget.Of(long.MaxValue);
        Assert.That(Enumerable.Range(0, 100).All(_ => budget.TryTake((nuint)1 << 46)));
    }

    [Test]
    public void NoReservationTakesMoreThanAQuarterAndAllTogetherNoMoreThanThereIs()
    {
        AddressSpaceBudget budget = AddressSpaceBudget.Of(4000);
        Assert.That(budget.TryTake(1001), Is.False);
        Assert.That(Enumerable.Range(0, 10).Count(_ => budget.TryTake(900)), Is.EqualTo(4));
        Assert.That(budget.TryTake(401), Is.False);
        Assert.That(budget.TryTake(400));
        budget.Return(900);
        Assert.That(budget.TryTake(900), "the system refused one");
        Assert.That(budget.TryTake(1), Is.False);
    }

    [Test]
    public void ThreadsTogetherTakeNoMoreThanThereIs()
    {
        const int Takes = 100_000;
        AddressSpaceBudget budget = AddressSpaceBudget.Of(Takes);
        int taken = 0;
        Parallel.For(0, 2 * Takes, _ => Interlocked.Add(ref taken, budget.TryTake(1) ? 1 : 0));
        Assert.That(taken, Is.EqualTo(Takes));
    }
}
