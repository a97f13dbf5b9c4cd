// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Interop.Tests;

/// <summary>The checker itself; that Debug builds ask it at every lock, the suite of the litmus program proves.</summary>
[TestFixture]
internal sealed class LockOrderTests
{
    [SetUp]
    [TearDown]
    public void NothingIsHeld() => Assert.That((int)LockOrder.Highest, Is.Zero);

    [Test]
    public void LocksOfGrowingRankAreInOrder()
    {
        Assert.That(LockOrder.TryEnter(LockRank.Stripe));
        Assert.That(LockOrder.TryEnter(LockRank.Slab));
        Assert.That(LockOrder.TryEnter(LockRank.Leaf));
        Assert.That(LockOrder.Highest, Is.EqualTo(LockRank.Leaf));
        Assert.That(LockOrder.TryExit(LockRank.Leaf));
        Assert.That(LockOrder.TryExit(LockRank.Slab));
        Assert.That(LockOrder.TryExit(LockRank.Stripe));
    }

    [TestCase(LockRank.Slab, LockRank.Stripe)]
    [TestCase(LockRank.Stripe, LockRank.Roots)]
    [TestCase(LockRank.Leaf, LockRank.Slab)]
    [TestCase(LockRank.Stripe, LockRank.Stripe)]
    [TestCase(LockRank.Leaf, LockRank.Leaf)]
    public void ALowerOrEqualRankInsideIsRefusedAndNotNoted(LockRank outer, LockRank inner)
    {
        Assert.That(LockOrder.TryEnter(outer));
        Assert.That(LockOrder.TryEnter(inner), Is.False);
        Assert.That(LockOrder.Highest, Is.EqualTo(outer));
        Assert.That(LockOrder.TryExit(outer));
    }

    [Test]
    public void LocksMayBeGivenBackInAnyOrder()
    {
        Assert.That(LockOrder.TryEnter(LockRank.Stripe));
        Assert.That(LockOrder.TryEnter(LockRank.Slab));
        Assert.That(LockOrder.TryExit(LockRank.Stripe));
        Assert.That(LockOrder.Highest, Is.EqualTo(LockRank.Slab));
        Assert.That(LockOrder.TryExit(LockRank.Slab));
    }

    [Test]
    public void GivingBackWhatIsNotHeldIsFound() => Assert.That(LockOrder.TryExit(LockRank.Roots), Is.False);

    [Test]
    public void EachThreadHasItsOwnOrder()
    {
        Assert.That(LockOrder.TryEnter(LockRank.Leaf));
        bool isFree = false;
        Thread other = new(() => isFree = LockOrder.TryEnter(LockRank.Stripe) && LockOrder.TryExit(LockRank.Stripe));
        other.Start();
        other.Join();
        Assert.That(isFree);
        Assert.That(LockOrder.TryExit(LockRank.Leaf));
    }

    [Test]
    public void CheckingMakesNoGarbage()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            LockOrder.TryEnter(LockRank.Stripe);
            LockOrder.TryExit(LockRank.Stripe);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }
}
