// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: decides which blocks are recorded when not every block is.
// Who calls it: AllocationRecorder on each allocation at level sample.
// The one idea: samples are points of a Poisson process laid over the bytes that a thread allocates. The distance to
// the next point is drawn from the exponential distribution and counted down; it has no memory, so each block is taken
// independently of all others with probability 1 − e^(−size/interval), exactly, which is what makes estimates unbiased
// (gperftools and the Go heap profiler draw the same way; the weights are those of pprof).
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Byte-weighted Poisson sampling. A block that is not taken costs one subtraction. No lock, no GC memory.</summary>
internal static class AllocationSampler
{
    // Far beyond any sum of blocks; keeps a draw from overflowing.
    private const double LongestDistance = 1L << 60;
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15UL;

    private static double s_meanByteCount = 1;
    private static long s_seeds;

    /// <summary>Sets the mean distance between samples. Once, before the first call of <see cref="Takes(nuint)"/>.</summary>
    public static void Initialize(long meanByteCount)
    {
        s_meanByteCount = Math.Max(1, meanByteCount);
        s_seeds = Environment.TickCount64 ^ ((long)Environment.ProcessId << 32);
    }

    /// <summary>Counts a block of the calling thread; true when it is to be recorded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Takes(nuint byteCount)
    {
        // A block of no bytes is a block of one, as everywhere in reports.
        nuint size = Math.Max(byteCount, 1);
        long left = ThreadState.SampleDistance - (long)size;
        ThreadState.SampleDistance = left;
        return left <= 0 && TakesSlowly((long)size);
    }

    /// <summary>As <see cref="Takes(nuint)"/>, with the state of a thread given: for tests of the statistics.</summary>
    /// <param name="distance">Bytes to the next sample; 0 before the first draw.</param>
    /// <param name="state">State of the generator; anything.</param>
    /// <param name="byteCount">Size of the block, at least 1.</param>
    /// <param name="meanByteCount">Mean distance.</param>
    internal static bool Takes(ref long distance, ref ulong state, long byteCount, double meanByteCount)
    {
        if (distance <= 0)
        {
            distance = Draw(ref state, meanByteCount);
        }

        distance -= byteCount;
        if (distance > 0)
        {
            return false;
        }

        distance = Draw(ref state, meanByteCount);
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TakesSlowly(long byteCount)
    {
        ulong state = ThreadState.SampleState;
        // Never drawn for this thread: the subtraction started from nothing. Else the sample lies in this block.
        long distance = state == 0 ? 0 : byteCount;
        if (state == 0)
        {
            // Order: only keeps seeds of threads apart.
            state = Mix((ulong)Interlocked.Increment(ref s_seeds) * GoldenGamma) | 1;
        }

        bool isTaken = Takes(ref distance, ref state, byteCount, s_meanByteCount);
        ThreadState.SampleDistance = distance;
        ThreadState.SampleState = state;
        return isTaken;
    }

    // In whole bytes, rounded up: a geometric distribution, whose chance to pass n bytes is e^(−n/mean) exactly.
    private static long Draw(ref ulong state, double meanByteCount)
    {
        // SplitMix64 (Steele, Lea, Flood 2014); 0 is kept for "never drawn".
        state += GoldenGamma;
        state = state == 0 ? GoldenGamma : state;
        double uniform = ((Mix(state) >> 11) + 0.5) * (1.0 / (1L << 53));
        double distance = Math.Ceiling(-Math.Log(uniform) * meanByteCount);
        return (long)Math.Clamp(distance, 1, LongestDistance);
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9UL;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBUL;
        return value ^ (value >> 31);
    }
}
