// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.Reporting;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Verdicts;

/// <summary>
/// The statistics of level sample, with fixed seeds: what passes once passes always. Bounds are derived all the same: a
/// sum of many independent terms lies further than 6.2 standard deviations from its mean with a chance below 1e-9.
/// </summary>
[TestFixture]
internal sealed class SampleEstimateTests
{
    private const double Sigmas = 6.2;
    private const long Interval = 4096;

    private static readonly long[] s_sizes = [1, 16, 24, 100, 1000, 4096, 10_000, 65_536];

    [Test]
    public void TheChanceOfABlockIsTheExponentialOne()
    {
        Assert.That(SampleWeight.Chance(100, 0), Is.EqualTo(1), "every block is recorded");
        foreach (double ratio in (double[])[1e-12, 1e-9, 1e-6, 1e-3, 0.01, 0.0157, 0.1, 0.5, 1, 2, 10, 40, 800])
        {
            const ulong Size = 1_000_000_007;
            double expected = ratio < 1e-5 ? ratio - (ratio * ratio / 2) : 1 - Math.Exp(-ratio);
            Assert.That(SampleWeight.Chance((nuint)Size, Size / ratio), Is.EqualTo(expected).Within(1e-10 * expected), $"{ratio}");
        }
    }

    [Test]
    public void EachSizeIsTakenWithItsChanceWhateverItsNeighboursAre()
    {
        const int Blocks = 2_000_000;
        int[] seen = new int[s_sizes.Length], taken = new int[s_sizes.Length];
        long distance = 0;
        ulong state = 12345;
        Random order = new(1);
        for (int i = 0; i < Blocks; i++)
        {
            // Runs of one size, then another: a countdown with a memory would show.
            int size = i % 5 == 0 ? order.Next(s_sizes.Length) : i % s_sizes.Length;
            seen[size]++;
            taken[size] += AllocationSampler.Takes(ref distance, ref state, s_sizes[size], Interval) ? 1 : 0;
        }

        for (int size = 0; size < s_sizes.Length; size++)
        {
            double chance = SampleWeight.Chance((nuint)s_sizes[size], Interval);
            double deviation = Math.Sqrt(seen[size] * chance * (1 - chance));
            Assert.That(taken[size], Is.EqualTo(seen[size] * chance).Within((Sigmas * deviation) + 1), $"size {s_sizes[size]}");
        }
    }

    [TestCase(1UL)]
    [TestCase(2UL)]
    [TestCase(3UL)]
    public void TheEstimateIsUnbiasedAndItsErrorIsTheTrueOne(ulong seed)
    {
        const int Rounds = 2000;
        World world = World.Make(seed);
        double blocks = 0, bytes = 0, squares = 0, variances = 0;
        for (ulong round = 0; round < Rounds; round++)
        {
            EstimateSum sum = world.Sample((seed * 1_000_003) + (round * 7919), static _ => null);
            blocks += sum.Blocks;
            bytes += sum.Bytes;
            squares += (sum.Bytes - world.Bytes) * (sum.Bytes - world.Bytes);
            variances += sum.BytesVariance;
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(blocks / Rounds, Is.EqualTo(world.Blocks).Within(Sigmas * Math.Sqrt(world.BlocksVariance / Rounds)));
            Assert.That(bytes / Rounds, Is.EqualTo(world.Bytes).Within(Sigmas * Math.Sqrt(world.BytesVariance / Rounds)));
            // The mean of the estimated variances, and that of the squared errors, are both the true variance.
            Assert.That(variances / Rounds, Is.EqualTo(world.BytesVariance).Within(0.05 * world.BytesVariance));
            Assert.That(squares / Rounds, Is.EqualTo(world.BytesVariance).Within(Sigmas * world.BytesVariance * Math.Sqrt(2.5 / Rounds)));
        }
    }

    [Test]
    public void Control_weights_that_ignore_a_blocks_size_are_caught()
    {
        const int Rounds = 2000;
        World world = World.Make(1);
        double blocks = 0;
        for (ulong round = 0; round < Rounds; round++)
        {
            // What a profiler without the correction reports: each sample stands for one interval of bytes.
            blocks += world.Sample(1_000_003 + (round * 7919), static size => Interval / (double)size).Blocks;
        }

        Assert.That(
            Math.Abs((blocks / Rounds) - world.Blocks),
            Is.GreaterThan(Sigmas * Math.Sqrt(world.BlocksVariance / Rounds)));
    }

    [Test]
    public void EveryBlockIsItsOwnEstimateWhenNoneIsLeftOut()
    {
        EstimateSum sum = default;
        SampleWeight.Add(ref sum, 100, 0);
        SampleWeight.Add(ref sum, 0, 0);
        Assert.That(Estimates.Of(sum), Is.EqualTo(new BlockEstimate(2, 0, 100, 0)));
    }

    // Blocks of a program that are still live; each was allocated among others that are not.
    private sealed class World
    {
        private readonly List<(long Size, bool IsLive)> _blocks = [];

        public double Blocks { get; private set; }

        public double Bytes { get; private set; }

        public double BlocksVariance { get; private set; }

        public double BytesVariance { get; private set; }

        public static World Make(ulong seed)
        {
            World world = new();
            Random random = new((int)seed);
            for (int i = 0; i < 3000; i++)
            {
                long size = s_sizes[random.Next(s_sizes.Length)];
                bool isLive = random.Next(3) > 0;
                world._blocks.Add((size, isLive));
                if (isLive)
                {
                    double chance = SampleWeight.Chance((nuint)size, Interval);
                    world.Blocks++;
                    world.Bytes += size;
                    world.BlocksVariance += (1 - chance) / chance;
                    world.BytesVariance += (1 - chance) / chance * size * size;
                }
            }

            return world;
        }

        public EstimateSum Sample(ulong state, Func<long, double?> weight)
        {
            EstimateSum sum = default;
            long distance = 0;
            foreach ((long size, bool isLive) in _blocks)
            {
                if (AllocationSampler.Takes(ref distance, ref state, size, Interval) && isLive)
                {
                    if (weight(size) is { } given)
                    {
                        sum.Blocks += given;
                    }
                    else
                    {
                        SampleWeight.Add(ref sum, (nuint)size, Interval);
                    }
                }
            }

            return sum;
        }
    }
}
