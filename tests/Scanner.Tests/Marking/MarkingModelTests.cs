// Licensed under the MIT License. See LICENSE in the repository root.
using FsCheck;
using FsCheck.Fluent;
using NativeLeak.Marking;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>The marker against a plain model: sets, breadth-first search, and Tarjan-free source components.</summary>
[TestFixture]
internal sealed unsafe class MarkingModelTests
{
    [Test]
    public void Random_graphs_get_the_verdicts_of_the_plain_model()
    {
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), (int seed) => Check(seed, reader: null))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(1500));
    }

    [Test]
    public void And_the_same_ones_when_memory_is_read_as_that_of_a_living_process()
    {
        using ConcurrentBuffers buffers = ConcurrentBuffers.TryCreate()!;
        buffers.Reader->ProcessId = Environment.ProcessId;
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), (int seed) => Check(seed, buffers.Reader))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    private static bool Check(int seed, LiveReader* reader)
    {
        Random random = new(seed);
        int count = random.Next(0, 40);
        using MarkingWorld world = new(count, 64 * 1024);
        nuint[] address = new nuint[count];
        nuint[] size = new nuint[count];
        nuint offset = 0;
        for (int i = 0; i < count; i++)
        {
            size[i] = (nuint)random.Next(0, 1200);
            address[i] = world.AddBlock(offset, size[i]);
            offset += ((Math.Max(size[i], 1) + 31) & ~(nuint)15) + (nuint)(random.Next(3) * 16);
        }

        List<(int To, bool Start)> roots = [];
        List<(int To, bool Start)>[] edges = [.. Enumerable.Range(0, count).Select(_ => new List<(int, bool)>())];
        for (int r = 0; r < random.Next(0, 6) && count > 0; r++)
        {
            roots.Add(Point(random, address, size, (nuint)(world.Root + (r * 16) + (random.Next(2) * 4))));
        }

        for (int i = 0; i < count; i++)
        {
            for (nuint at = 0; at + 8 <= size[i] && at < 64; at += 16)
            {
                if (random.Next(3) == 0)
                {
                    edges[i].Add(Point(random, address, size, address[i] + at));
                }
            }
        }

        if (reader != null)
        {
            LiveReader.Reset(reader);
            world.Context.Reader = reader;
        }

        world.Scan();
        Verdict[] expected = Model(count, roots, edges, out int leaders);
        int definite = 0;
        for (int i = 0; i < count; i++)
        {
            Verdict found = world.VerdictOf(address[i]);
            definite += found == Verdict.Definite ? 1 : 0;
            bool lost = found is Verdict.Definite or Verdict.Indirect;
            bool expectedLost = expected[i] == Verdict.Definite;
            if (lost != expectedLost || (!lost && found != expected[i]))
            {
                return false;
            }
        }

        return definite == leaders && world.Counters.Live.Blocks == count
            && world.Counters.Reachable.Blocks + world.Counters.Possible.Blocks + world.Counters.Definite.Blocks
                + world.Counters.Indirect.Blocks == count;
    }

    private static (int To, bool Start) Point(Random random, nuint[] address, nuint[] size, nuint at)
    {
        int to = random.Next(address.Length);
        nuint offset = random.Next(2) == 0 ? 0 : (nuint)random.Next(0, (int)Math.Max(size[to], 1));
        *(nuint*)at = address[to] + offset;
        return (to, offset == 0);
    }

    private static Verdict[] Model(int count, List<(int To, bool Start)> roots, List<(int To, bool Start)>[] edges, out int leaders)
    {
        HashSet<int> strong = Close(roots.Where(r => r.Start).Select(r => r.To), i => edges[i].Where(e => e.Start).Select(e => e.To));
        IEnumerable<int> interior = roots.Concat(strong.SelectMany(i => edges[i])).Select(e => e.To).Where(i => !strong.Contains(i));
        HashSet<int> weak = Close(interior, i => edges[i].Select(e => e.To).Where(t => !strong.Contains(t)));
        HashSet<int> lost = [.. Enumerable.Range(0, count).Where(i => !strong.Contains(i) && !weak.Contains(i))];
        Dictionary<int, HashSet<int>> reach = lost.ToDictionary(i => i, i => Close([i], b => edges[b].Select(e => e.To).Where(lost.Contains)));

        // One leader per group of mutually reaching lost blocks that no other lost block reaches.
        leaders = lost.Count(i => lost.All(j => !reach[j].Contains(i) || (reach[i].Contains(j) && i <= j)));
        return [.. Enumerable.Range(0, count).Select(i =>
            strong.Contains(i) ? Verdict.Reachable : weak.Contains(i) ? Verdict.Possible : Verdict.Definite)];
    }

    private static HashSet<int> Close(IEnumerable<int> seeds, Func<int, IEnumerable<int>> next)
    {
        HashSet<int> seen = [];
        Queue<int> queue = new(seeds);
        while (queue.TryDequeue(out int i))
        {
            if (seen.Add(i))
            {
                foreach (int n in next(i))
                {
                    queue.Enqueue(n);
                }
            }
        }

        return seen;
    }
}
