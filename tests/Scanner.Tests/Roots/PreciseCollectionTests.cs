// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime;
using System.Runtime.CompilerServices;
using NativeLeak.Roots;

namespace NativeLeak.Scanner.Tests.Roots;

/// <summary>What happens before a precise scan, and what must not.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class PreciseCollectionTests
{
    [Test]
    public void DroppedObjectsAreCollectedAndTheirFinalizersHaveRun()
    {
        int[] finalized = [0];
        WeakReference[] dropped = [.. Enumerable.Range(0, 10).Select(_ => Drop(finalized))];
        Assert.Multiple(() =>
        {
            Assert.That(new PreciseCollection().Run(canFinalize: true, out string reason), Is.True);
            Assert.That(reason, Is.Empty);
            Assert.That(finalized[0], Is.EqualTo(10));
            Assert.That(dropped.Count(static reference => reference.IsAlive), Is.Zero);
        });
    }

    [Test]
    public void AFinalizerThatNeverEndsIsNotWaitedForAndNeedsNoThreadPerScan()
    {
        using ManualResetEventSlim end = new();
        int waits = 0;
        PreciseCollection collection = new(TimeSpan.FromMilliseconds(1), () =>
        {
            Interlocked.Increment(ref waits);
            end.Wait();
        });
        for (int i = 0; i < 3; i++)
        {
            Drop([0]);
            Assert.That(collection.Run(canFinalize: true, out string reason), Is.True);
            Assert.That(reason, Does.Contain("did not end in time"));
        }

        end.Set();
        Assert.That(waits, Is.LessThanOrEqualTo(1));
    }

    [Test]
    public void AtTheEndOfTheProcessNobodyWaitsForFinalizers()
    {
        bool waited = false;
        PreciseCollection collection = new(TimeSpan.FromSeconds(1), () => waited = true);
        Drop([0]);
        Assert.That(collection.Run(canFinalize: false, out string reason), Is.True);
        Assert.That(reason, Does.Contain("run no more"));
        Assert.That(waited, Is.False);
    }

    [Test]
    public void ARegionWithoutCollectionsIsRespected()
    {
        Assert.That(GC.TryStartNoGCRegion(8 << 20), Is.True);
        try
        {
            Assert.That(new PreciseCollection().Run(canFinalize: true, out string reason), Is.False);
            Assert.That(reason, Does.Contain("without collections"));
            Assert.That(GCSettings.LatencyMode, Is.EqualTo(GCLatencyMode.NoGCRegion));
        }
        finally
        {
            GC.EndNoGCRegion();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Drop(int[] finalized) => new(new Finalizable(finalized));

    private sealed class Finalizable(int[] finalized)
    {
        ~Finalizable() => Interlocked.Increment(ref finalized[0]);
    }
}
