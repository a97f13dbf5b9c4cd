// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: an alloc and a free of one small block, hot in every cache: the least that each way can cost.
// Safety: what is allocated is freed by the same heap, the last block of a run after it was looked up.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.Benchmarks.Parts;

/// <summary>Pairs. The plain one is recorded by the hook here; the C heap called directly is the base.</summary>
public unsafe class AllocationParts
{
    private const int ByteCount = 64;
    private const int Pairs = 4096;

    [GlobalSetup(Target = nameof(CHeapPair))]
    public void WarmUpCHeap() => Frames.WarmUpBelow(&CHeapPairs, Pairs);

    [GlobalSetup(Target = nameof(HookPair))]
    public void WarmUpHook() => Frames.WarmUpBelow(&HookPairs, Pairs);

    [GlobalSetup(Target = nameof(TrackedMemoryPair))]
    public void WarmUpTrackedMemory() => Frames.WarmUpBelow(&TrackedMemoryPairs, Pairs);

    [GlobalSetup(Target = nameof(TrackedMarshalPair))]
    public void WarmUpTrackedMarshal() => Frames.WarmUpBelow(&TrackedMarshalPairs, Pairs);

    [Benchmark(Baseline = true, OperationsPerInvoke = Pairs, Description = "malloc + free, without transition")]
    public long CHeapPair() => Frames.Below(&CHeapPairs, Pairs);

    [Benchmark(OperationsPerInvoke = Pairs, Description = "NativeMemory pair, through the hook")]
    public long HookPair() => Frames.Below(&HookPairs, Pairs);

    [Benchmark(OperationsPerInvoke = Pairs, Description = "TrackedMemory pair, recorded")]
    public long TrackedMemoryPair() => Frames.Below(&TrackedMemoryPairs, Pairs);

    [Benchmark(OperationsPerInvoke = Pairs, Description = "TrackedMarshal pair, recorded")]
    public long TrackedMarshalPair() => Frames.Below(&TrackedMarshalPairs, Pairs);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long CHeapPairs(int repetitions)
    {
        long got = 0;
        for (int i = 0; i < repetitions; i++)
        {
            void* block = CHeap.Malloc(ByteCount);
            got += block != null ? 1 : 0;
            CHeap.Free(block, ByteCount);
        }

        return Proof.Count(got, repetitions, "blocks of the C heap");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long HookPairs(int repetitions)
    {
        void* block = null;
        for (int i = 0; i < repetitions; i++)
        {
            NativeMemory.Free(block);
            block = NativeMemory.Alloc(ByteCount);
        }

        Proof.Block(block, typeof(AllocationParts), nameof(HookPairs));
        NativeMemory.Free(block);
        return repetitions;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long TrackedMemoryPairs(int repetitions)
    {
        void* block = null;
        for (int i = 0; i < repetitions; i++)
        {
            TrackedMemory.Free(block);
            block = TrackedMemory.Alloc(ByteCount);
        }

        Proof.Block(block, typeof(AllocationParts), nameof(TrackedMemoryPairs));
        TrackedMemory.Free(block);
        return repetitions;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long TrackedMarshalPairs(int repetitions)
    {
        nint block = 0;
        for (int i = 0; i < repetitions; i++)
        {
            TrackedMarshal.FreeHGlobal(block);
            block = TrackedMarshal.AllocHGlobal(ByteCount);
        }

        Proof.Block((void*)block, typeof(AllocationParts), nameof(TrackedMarshalPairs));
        TrackedMarshal.FreeHGlobal(block);
        return repetitions;
    }
}
