// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: from a call to its site: the walk over 16 frames, the memory of the last one, the table of known stacks.
// Safety: frames has room for every entry the walker may store.
using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.Benchmarks.Parts;

/// <summary>Call stacks, without an allocation around them.</summary>
public unsafe class StackParts
{
    private const int Repetitions = 1000;

    // Until a walk is kept again, after others that served nobody (WalkMemo).
    private const int MostForgotten = 16;

    [GlobalSetup(Target = nameof(Walk))]
    public void WarmUpWalk() => Frames.WarmUpBelow(&WalkMany, Repetitions);

    [GlobalSetup(Target = nameof(Recall))]
    public void WarmUpRecall() => Frames.WarmUpBelow(&RecallMany, Repetitions);

    [GlobalSetup(Target = nameof(Intern))]
    public void WarmUpIntern() => Frames.WarmUpBelow(&InternMany, Repetitions);

    [Benchmark(OperationsPerInvoke = Repetitions, Description = "walk, 16 frames")]
    public long Walk() => Frames.Below(&WalkMany, Repetitions);

    [Benchmark(OperationsPerInvoke = Repetitions, Description = "recall of the last walk, 16 frames")]
    public long Recall() => Frames.Below(&RecallMany, Repetitions);

    [Benchmark(OperationsPerInvoke = Repetitions, Description = "intern: walk, hash and known site")]
    public long Intern() => Frames.Below(&InternMany, Repetitions);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long WalkMany(int repetitions)
    {
        nuint* frames = stackalloc nuint[StackWalker.MaximumDepth];
        long walked = 0;
        for (int i = 0; i < repetitions; i++)
        {
            walked += WalkOne(frames);
        }

        return Proof.Count(walked, (long)repetitions * Frames.Count, "frames walked");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int WalkOne(nuint* frames)
    {
        AllocationCall call = StackWalker.Caller();
        return StackWalker.Walk(in call, StackWalker.StackEnd, frames, Frames.Count, out _);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long RecallMany(int repetitions)
    {
        uint site = 0;
        long forgotten = 0;
        for (int i = 0; i < repetitions; i++)
        {
            site = RecallOne(ref forgotten);
        }

        Proof.Site(site, typeof(StackParts), nameof(RecallMany));
        return Proof.Count(Math.Max(forgotten, MostForgotten), MostForgotten, "walks made again");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint RecallOne(ref long forgotten)
    {
        AllocationCall call = StackWalker.Caller();
        ushort thread = ThreadNumbers.Current;
        WalkMemo* memo = WalkMemo.Of(thread);
        uint known = memo == null ? 0 : WalkMemo.Recall(memo, in call, StackWalker.StackEnd);
        if (known == 0)
        {
            forgotten++;
            known = SiteDepot.Intern(in call, StackWalker.StackEnd, thread);
        }

        return SiteDepot.SiteOf(known);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long InternMany(int repetitions)
    {
        uint site = 0;
        for (int i = 0; i < repetitions; i++)
        {
            site = InternOne();
        }

        Proof.Site(site, typeof(StackParts), nameof(InternMany));
        return repetitions;
    }

    // As a thread without a number: it keeps no walk.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint InternOne()
    {
        AllocationCall call = StackWalker.Caller();
        return SiteDepot.SiteOf(SiteDepot.Intern(in call, StackWalker.StackEnd, thread: 0));
    }
}
