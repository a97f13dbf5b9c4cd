// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Tests.Allocation;

[TestFixture]
internal sealed class DetectorThreadTests
{
    [Test]
    public void ScopesNestAndEndOnTheirOwnThread()
    {
        Assert.That(DetectorThread.IsInside, Is.False);
        using (DetectorThread.Enter())
        {
            using (DetectorThread.Enter())
            {
                Assert.That(DetectorThread.IsInside);
            }

            Assert.That(DetectorThread.IsInside);
            bool other = true;
            Thread thread = new(() => other = DetectorThread.IsInside);
            thread.Start();
            thread.Join();
            Assert.That(other, Is.False);
        }

        Assert.That(DetectorThread.IsInside, Is.False);
    }

    [Test]
    public void DisposingAScopeTwiceLeavesItOnce()
    {
        DetectorThread.Scope outer = DetectorThread.Enter();
        DetectorThread.Scope inner = DetectorThread.Enter();
        inner.Dispose();
        inner.Dispose();
        Assert.That(DetectorThread.IsInside);
        outer.Dispose();
        Assert.That(DetectorThread.IsInside, Is.False);
    }
}
