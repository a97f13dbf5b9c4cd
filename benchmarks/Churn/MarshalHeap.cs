// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>The other pair of the runtime.</summary>
internal readonly unsafe struct MarshalHeap : IHeap
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Alloc(nuint byteCount) => (void*)Marshal.AllocHGlobal((nint)byteCount);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Free(void* block) => Marshal.FreeHGlobal((nint)block);
}
