// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>NativeLeak's drop-in for <c>Marshal</c>.</summary>
internal readonly unsafe struct TrackedMarshalHeap : IHeap
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Alloc(nuint byteCount) => (void*)TrackedMarshal.AllocHGlobal((nint)byteCount);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Free(void* block) => TrackedMarshal.FreeHGlobal((nint)block);
}
