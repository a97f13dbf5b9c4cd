// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>NativeLeak's drop-in for <c>NativeMemory</c>.</summary>
internal readonly unsafe struct TrackedMemoryHeap : IHeap
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Alloc(nuint byteCount) => TrackedMemory.Alloc(byteCount);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Free(void* block) => TrackedMemory.Free(block);
}
