// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: an allocation whose call stack was never seen.
// The one idea: 14 frames chosen by the bits of a number that never comes twice: each call makes a new stack, of frames
// that are known. Few iterations, since every stack is kept for good and their number is bounded.
// Safety: what is allocated is freed at once.
using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;
using NativeLeak.Benchmarks.Churn;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.Benchmarks.Parts;

/// <summary>First sight.</summary>
[IterationCount(10)]
[WarmupCount(5)]
[InvocationCount(1, 1)]
public unsafe class FirstSightParts
{
    private const int Levels = 14;
    private const int Repetitions = 512;
    private const int KnownPaths = 256;
    private static int s_path;

    /// <summary>The first paths, until the compiler rests: their frames are known then, the other paths are not.</summary>
    [GlobalSetup]
    public void WarmUpFrames() => WarmUp.Run(WarmUp.DefaultPause, static () =>
    {
        for (int path = 0; path < KnownPaths; path++)
        {
            // Seen from the lowest level's point of view, all bits come up both set and clear.
            TrackedMemory.Free(Left(path * ((1 << Levels) / KnownPaths) ^ path, Levels));
        }
    });

    [Benchmark(OperationsPerInvoke = Repetitions, Description = "first sight of a call stack, pair included")]
    public long New() => Frames.Below(&NewStacks, Repetitions);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long NewStacks(int repetitions)
    {
        int before = SiteDepot.Count;
        for (int i = 0; i < repetitions; i++)
        {
            TrackedMemory.Free(Left(s_path++ & ((1 << Levels) - 1), Levels));
        }

        return Proof.Count(Math.Min(SiteDepot.Count - before, repetitions), repetitions, "new call stacks");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* Left(int path, int levels)
    {
        void* block = levels == 0 ? TrackedMemory.Alloc(64) : (path & 1) == 0 ? Left(path >> 1, levels - 1) : Right(path >> 1, levels - 1);
        return block != null ? block : throw new InvalidOperationException("a heap gave null");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* Right(int path, int levels)
    {
        void* block = levels == 0 ? TrackedMemory.Alloc(64) : (path & 1) == 0 ? Left(path >> 1, levels - 1) : Right(path >> 1, levels - 1);
        return block != null ? block : throw new InvalidOperationException("a heap gave null");
    }
}
