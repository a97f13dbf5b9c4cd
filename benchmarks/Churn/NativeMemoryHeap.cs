// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>The runtime's own calls: plain, or seen by the hook where that is on.</summary>
internal readonly unsafe struct NativeMemoryHeap : IHeap
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Alloc(nuint byteCount) => NativeMemory.Alloc(byteCount);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Free(void* block) => NativeMemory.Free(block);
}
