// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Where a stack walk starts: the method that asked for memory, in the middle of its call.</summary>
/// <param name="FramePointer">RBP at the call: that method's own frame, or its caller's if it has none.</param>
/// <param name="ReturnAddress">Where the call returns to.</param>
/// <param name="StackPointer">RSP after the return; 0 when not known, which is allowed where the method has a frame of
/// its own (the runtime's P/Invoke methods always have).</param>
internal readonly record struct AllocationCall(nuint FramePointer, nuint ReturnAddress, nuint StackPointer)
{
    /// <summary>The site, where the compiler told it (<see cref="CallSites"/>): no walk is made; else 0.</summary>
    public uint Site { get; init; }
}
