// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: an alloc and a free of one small block, hot in every cache: the least that each way can cost.
// Safety: what is allocated is freed at once, by the same heap.
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;

namespace NativeLeak.Benchmarks.Parts;

/// <summary>Pairs. The plain one is recorded by the hook here; the C heap called directly is the base.</summary>
public unsafe class AllocationParts
{
    private const int ByteCount = 64;

    [Benchmark(Baseline = true, Description = "malloc + free, without transition")]
    public void CHeapPair() => NativeHeap.Allocation.CHeap.Free(NativeHeap.Allocation.CHeap.Malloc(ByteCount), ByteCount);

    [Benchmark(Description = "NativeMemory pair, through the hook")]
    public void HookPair() => NativeMemory.Free(NativeMemory.Alloc(ByteCount));

    [Benchmark(Description = "TrackedMemory pair, recorded")]
    public void TrackedMemoryPair() => TrackedMemory.Free(TrackedMemory.Alloc(ByteCount));

    [Benchmark(Description = "TrackedMarshal pair, recorded")]
    public void TrackedMarshalPair() => TrackedMarshal.FreeHGlobal(TrackedMarshal.AllocHGlobal(ByteCount));
}
