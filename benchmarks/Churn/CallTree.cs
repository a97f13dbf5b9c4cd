// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the call stacks of the workloads: a chain of Left and Right frames above one allocation.
// Who calls it: every workload.
// The one idea: the bits of a number choose the frames, so n levels make 2^n call stacks, and looking at the result keeps
// each of them a real frame: nothing is called in tail position.
// Safety: the block is only compared with null here.
using System.Runtime.CompilerServices;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>Allocates below a chosen chain of frames.</summary>
internal static unsafe class CallTree<THeap>
    where THeap : struct, IHeap
{
    /// <summary>Allocates with <paramref name="levels"/> + 1 frames above the heap's own.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Left(int path, int levels, nuint byteCount)
    {
        void* block = levels == 0 ? THeap.Alloc(byteCount)
            : (path & 1) == 0 ? Left(path >> 1, levels - 1, byteCount)
            : Right(path >> 1, levels - 1, byteCount);
        return block != null ? block : Fail();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* Right(int path, int levels, nuint byteCount)
    {
        void* block = levels == 0 ? THeap.Alloc(byteCount)
            : (path & 1) == 0 ? Left(path >> 1, levels - 1, byteCount)
            : Right(path >> 1, levels - 1, byteCount);
        return block != null ? block : Fail();
    }

    private static void* Fail() => throw new InvalidOperationException("a heap gave null");
}
