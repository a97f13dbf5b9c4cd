// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: two markers against one, on the same memory.
// The one idea: in a test the helper is a thread of the process instead of the child's, so that the same code runs where a
// test can see it; the child's own start is proved by scans of whole processes (SnapshotScanTests, benchmarks/Scan).
using NativeLeak.Marking;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

[TestFixture]
[NonParallelizable]
internal sealed unsafe class ParallelMarkingTests
{
    private const int Blocks = 60_000, BlockByteCount = 48, BigByteCount = 9 << 20;
    private const long NoCollectionByteCount = 64 << 20;

    private static Thread? s_helper;
    private static int s_started;

    [Test]
    public void Two_markers_give_every_block_the_verdict_that_one_gives([Range(1, 12)] int seed)
    {
        Dictionary<nuint, Verdict> one = [], two = [];
        using MarkingWorld world = Build(seed);
        world.Scan();
        Note(world, one);
        long reachable = world.Counters.Reachable.Blocks;
        int before = s_started;
        world.Context.Markers = 2;
        world.Context.StartHelper = &StartHelper;
        ScanWithoutCollections(world);
        Note(world, two);
        Assert.Multiple(() =>
        {
            Assert.That(s_started, Is.EqualTo(before + 1), "the helper took part");
            Assert.That(two.Count == one.Count && two.All(pair => one.TryGetValue(pair.Key, out Verdict verdict) && verdict == pair.Value));
            Assert.That(world.Counters.Reachable.Blocks, Is.EqualTo(reachable));
            Assert.That(reachable, Is.GreaterThan(Blocks / 4));
            Assert.That(one.Values, Does.Contain(Verdict.Possible).And.Contain(Verdict.Definite).And.Contain(Verdict.Indirect));
        });
    }

    // A big block full of pointers, so that there is something to share; interior pointers and blocks at odd places, which
    // the helper must send to the first marker; and blocks that nothing holds.
    private static MarkingWorld Build(int seed)
    {
        Random random = new(seed);
        MarkingWorld world = new(Blocks + 1, (nuint)(Blocks * 64) + BigByteCount + 4096);
        nuint[] blocks = new nuint[Blocks];
        for (int i = 0; i < Blocks; i++)
        {
            blocks[i] = world.AddBlock((nuint)(i * 64) + (random.Next(50) == 0 ? 8u : 0), BlockByteCount);
        }

        nuint big = world.AddBlock((nuint)(Blocks * 64) + 4096, BigByteCount);
        *(nuint*)world.Root = big;
        for (int i = 0; i < Blocks; i++)
        {
            *(nuint*)(big + (nuint)(i % (BigByteCount / 8) * 8)) = i % 3 == 0 ? blocks[random.Next(Blocks / 2)] : 0;
            int target = i < Blocks / 2 ? random.Next(Blocks / 2) : random.Next(Blocks);
            *(nuint*)blocks[i] = random.Next(40) == 0 ? blocks[target] + (nuint)random.Next(1, BlockByteCount) : blocks[target];
        }

        return world;
    }

    private static void Note(MarkingWorld world, Dictionary<nuint, Verdict> verdicts)
    {
        foreach (ref readonly LostBlock lost in world.Lost)
        {
            verdicts.Add(lost.Address, lost.Verdict);
        }
    }

    // Markers wait for each other without a point at which a collection could stop them: in the child there is none. One that
    // stopped the helper here would wait for the first marker for good.
    private static void ScanWithoutCollections(MarkingWorld world)
    {
        Assert.That(GC.TryStartNoGCRegion(NoCollectionByteCount));
        try
        {
            world.Scan();
            s_helper!.Join();
        }
        finally
        {
            GC.EndNoGCRegion();
        }
    }

    private static void StartHelper(ChildState* state)
    {
        nuint address = (nuint)state;
        s_started++;
        s_helper = new Thread(() => ParallelMarking.Help((ChildState*)address));
        s_helper.Start();
    }
}
