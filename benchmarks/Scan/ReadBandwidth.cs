// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how fast this process can read memory: the limit of every scan.
// Who calls it: DataWorkload.
// The one idea: the sum of all words, by the widest vectors there are, four at a time, so that nothing but memory bounds it.
// Safety: blocks are read inside their size, a multiple of what is read at once.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NativeLeak.Benchmarks.Scan;

/// <summary>Bytes per second.</summary>
internal static unsafe class ReadBandwidth
{
    private const int Rounds = 5;
    private static ulong s_sum;

    /// <summary>On one thread: the median of several passes, of CPU time.</summary>
    public static double Measure(ReadOnlySpan<nuint> blocks, nuint words)
    {
        List<double> seconds = [];
        for (int i = 0; i <= Rounds; i++)
        {
            double before = ProcessClock.WallSeconds;
            foreach (nuint block in blocks)
            {
                s_sum += Sum((ulong*)block, words);
            }

            seconds.Add(ProcessClock.WallSeconds - before);
        }

        return (double)blocks.Length * words * 8 / seconds.Skip(1).Order().ElementAt(Rounds / 2);
    }

    /// <summary>On two threads, half of the blocks each.</summary>
    public static double MeasureTwo(nuint[] blocks, nuint words)
    {
        List<double> seconds = [];
        for (int i = 0; i < Rounds; i++)
        {
            double before = ProcessClock.WallSeconds;
            Thread other = new(() => Pass(blocks, 1, words));
            other.Start();
            Pass(blocks, 0, words);
            other.Join();
            seconds.Add(ProcessClock.WallSeconds - before);
        }

        return (double)blocks.Length * words * 8 / seconds.Order().ElementAt(Rounds / 2);
    }

    private static void Pass(nuint[] blocks, int first, nuint words)
    {
        for (int i = first; i < blocks.Length; i += 2)
        {
            Sum((ulong*)blocks[i], words);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static ulong Sum(ulong* words, nuint count)
    {
        Vector256<ulong> a = default, b = default, c = default, d = default;
        for (nuint i = 0; i < count; i += 16)
        {
            a += Vector256.Load(words + i);
            b += Vector256.Load(words + i + 4);
            c += Vector256.Load(words + i + 8);
            d += Vector256.Load(words + i + 12);
        }

        return Vector256.Sum(a + b + (c + d));
    }
}
