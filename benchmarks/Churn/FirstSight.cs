// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what an allocation costs whose call stack was never seen before.
// Who calls it: Program.cs, once per process.
// The one idea: the frames are old friends, optimised long ago; only their combination is new. Each such allocation is
// timed alone, and the same once more, now known, shows what the clock and the allocation themselves take.
// Safety: blocks are freed by the heap that gave them and not touched.
using System.Runtime.CompilerServices;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>First sight of call stacks, through <see cref="TrackedMemory"/>.</summary>
internal static unsafe class FirstSight
{
    private const nuint BlockByteCount = 64;

    /// <summary>ns of CPU time of each allocation: at first sight, and known.</summary>
    /// <param name="levels">2 to the power of this many call stacks are timed.</param>
    /// <param name="pause">Milliseconds between two rounds of warming up.</param>
    public static (double[] First, double[] Known) Run(int levels, int pause)
    {
        int count = 1 << levels;
        WarmUp.Run(pause, () => Warm(count, levels));
        double[] first = new double[count];
        double[] known = new double[count];
        // One loop, one call: both passes come from the same return address.
        foreach (double[] times in (double[][])[first, known])
        {
            for (int i = 0; i < count; i++)
            {
                times[i] = TimeOne(i, levels);
            }
        }

        return (first, known);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Warm(int count, int levels)
    {
        for (int i = 0; i < count; i++)
        {
            TrackedMemoryHeap.Free(CallTree<TrackedMemoryHeap>.Left(i, levels, BlockByteCount));
        }
    }

    // Optimised at once: a body that changes between the passes would make every stack new again.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static double TimeOne(int path, int levels)
    {
        double start = PosixClock.ThreadCpuNanoseconds;
        void* block = CallTree<TrackedMemoryHeap>.Left(path, levels, BlockByteCount);
        double end = PosixClock.ThreadCpuNanoseconds;
        TrackedMemoryHeap.Free(block);
        return end - start;
    }
}
