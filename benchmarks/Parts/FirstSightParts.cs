// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: an allocation whose call stack was never seen.
// The one idea: 14 frames chosen by the bits of a number that never comes twice: each call makes a new stack, of frames
// that are known. Few iterations, since every stack is kept for good and their number is bounded.
// Safety: what is allocated is freed at once.
using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;

namespace NativeLeak.Benchmarks.Parts;

/// <summary>First sight.</summary>
[IterationCount(10)]
[WarmupCount(5)]
[InvocationCount(512, 1)]
public unsafe class FirstSightParts
{
    private const int Levels = 14;
    private int _path;

    [Benchmark(Description = "first sight of a call stack")]
    public void New() => TrackedMemory.Free(Left(_path++ & ((1 << Levels) - 1), Levels));

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
