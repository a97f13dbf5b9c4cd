// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what a sampled block stands for.
// Who calls it: Classifier in the child, for totals; GroupTally in the process, for groups.
// The one idea: a block of n bytes was taken with chance p = 1 − e^(−n/interval), so it stands for 1/p blocks, and adds
// (1 − p)/p² to the variance of their number (Horvitz and Thompson, 1952): blocks are taken independently.
// Safety: the reference is the caller's own.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.Verdicts;

/// <summary>Sums of estimates over blocks.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct EstimateSum
{
    /// <summary>Estimated blocks and bytes.</summary>
    public double Blocks, Bytes;

    /// <summary>Estimated variances of the two.</summary>
    public double BlocksVariance, BytesVariance;

    /// <summary>The sum of two: their blocks are different ones, so variances add.</summary>
    public static EstimateSum operator +(in EstimateSum left, in EstimateSum right) => new()
    {
        Blocks = left.Blocks + right.Blocks,
        Bytes = left.Bytes + right.Bytes,
        BlocksVariance = left.BlocksVariance + right.BlocksVariance,
        BytesVariance = left.BytesVariance + right.BytesVariance,
    };
}

/// <summary>Weights of sampled blocks. Plain arithmetic: no function of the C library is called in the child.</summary>
[ChildCode]
internal static class SampleWeight
{
    // Below this the series is exact to the last bits; above, halving leads there.
    private const double SmallRatio = 1.0 / 64;

    /// <summary>The chance 1 − e^(−<paramref name="byteCount"/>/<paramref name="interval"/>) with which a block was
    /// taken; 1 when <paramref name="interval"/> is 0: every block was.</summary>
    [MethodImpl(ChildCode.Options)]
    public static double Chance(nuint byteCount, double interval)
    {
        if (!(interval > 0))
        {
            return 1;
        }

        double ratio = (byteCount == 0 ? 1 : (double)(long)byteCount) / interval;
        int halvings = 0;
        while (ratio > SmallRatio)
        {
            ratio *= 0.5;
            halvings++;
        }

        // 1 − e^(−x) by its series, then doubled: 1 − e^(−2x) = m(2 − m) with m = 1 − e^(−x). Nothing cancels.
        double chance = ratio * (1 - (ratio / 2 * (1 - (ratio / 3 * (1 - (ratio / 4 * (1 - (ratio / 5 * (1 - (ratio / 6))))))))));
        for (; halvings > 0; halvings--)
        {
            chance *= 2 - chance;
        }

        return chance;
    }

    /// <summary>Takes a block out that was added.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Take(ref EstimateSum sum, nuint byteCount, double interval)
    {
        EstimateSum one = default;
        Add(ref one, byteCount, interval);
        sum.Blocks -= one.Blocks;
        sum.Bytes -= one.Bytes;
        sum.BlocksVariance -= one.BlocksVariance;
        sum.BytesVariance -= one.BytesVariance;
    }

    /// <summary>Adds a block.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Add(ref EstimateSum sum, nuint byteCount, double interval)
    {
        double chance = Chance(byteCount, interval);
        double weight = 1 / chance;
        double variance = (1 - chance) * weight * weight;
        double size = (long)byteCount;
        sum.Blocks += weight;
        sum.Bytes += weight * size;
        sum.BlocksVariance += variance;
        sum.BytesVariance += variance * size * size;
    }
}
