// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Benchmarks.Churn;

/// <summary>
/// One way to allocate and free. Its members are not inlined: the frame that a native call needs would otherwise be set
/// up in every level of the recursion above it, and each peer would be measured in another shape.
/// </summary>
internal unsafe interface IHeap
{
    /// <summary>Allocates; never null.</summary>
    static abstract void* Alloc(nuint byteCount);

    /// <summary>Frees.</summary>
    static abstract void Free(void* block);
}
