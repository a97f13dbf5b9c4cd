// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the walk over 16 frames, and the site it becomes.
// Safety: frames has room for every entry the walker may store.
using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Benchmarks.Parts;

/// <summary>Call stacks. The frames are there before the clock runs: each benchmark does its work many times below them.</summary>
public unsafe class StackParts
{
    private const int Depth = 16;
    private const int Repetitions = 1000;

    [Benchmark(Description = "stack walk, 16 frames", OperationsPerInvoke = Repetitions)]
    public ulong Walk() => Nest(Depth, intern: false);

    [Benchmark(Description = "stack walk, 16 frames, and known site", OperationsPerInvoke = Repetitions)]
    public ulong Intern() => Nest(Depth, intern: true);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Nest(int frames, bool intern)
        => frames > 0 ? Nest(frames - 1, intern) + 1 : intern ? InternMany() : WalkMany();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong WalkMany()
    {
        nuint* frames = stackalloc nuint[StackWalker.MaximumDepth];
        ulong sum = 0;
        for (int i = 0; i < Repetitions; i++)
        {
            sum += WalkOne(frames);
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong WalkOne(nuint* frames)
    {
        AllocationCall call = StackWalker.Caller();
        StackWalker.Walk(in call, StackWalker.StackEnd, frames, Depth, out ulong hash);
        return hash;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong InternMany()
    {
        ulong sum = 0;
        for (int i = 0; i < Repetitions; i++)
        {
            sum += InternOne();
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint InternOne()
    {
        AllocationCall call = StackWalker.Caller();
        return SiteDepot.Intern(in call, StackWalker.StackEnd, out BlockFlags _);
    }
}
