// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Misuse;

/// <summary>A place of <see cref="FreePlaces"/> as its thread remembers it.</summary>
internal struct FreePlace
{
    /// <summary>Where its call returns to; 0 = nothing is remembered.</summary>
    public nuint ReturnAddress;

    /// <summary>Where its caller returns to.</summary>
    public nuint Outer;

    /// <summary>The frame both were read from.</summary>
    public nuint FramePointer;

    /// <summary>The site.</summary>
    public ulong Site;
}
