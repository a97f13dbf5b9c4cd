// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the allocating members of NativeMemory with one parameter more, the call's site.
// Who calls it: the code that the package's generator adds to an application, behind Interception.IsActive.
// The one idea: as TrackedMemory, but who calls is known already: at level count no stack is walked.
// Safety: pointers are passed on under the contract of the original member.
using System.ComponentModel;
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

// Parameters are named as in the originals.
#pragma warning disable CA1720
// The others are described where the member is inherited from.
#pragma warning disable CS1573

namespace NativeLeak.CompilerServices;

/// <summary>For code that NativeLeak's source generator writes; not meant to be used directly. Members, parameters, rules
/// for zero and null, and exceptions are those of <see cref="TrackedMemory"/>.</summary>
/// <remarks>Thread safety: every member, at any time, on any thread. Cost: as <see cref="TrackedMemory"/>, at level count
/// without the walk over the stack. While nothing is recorded each is a call of the original.</remarks>
[EditorBrowsable(EditorBrowsableState.Never)]
public static unsafe class InterceptedMemory
{
    /// <inheritdoc cref="TrackedMemory.Alloc(nuint)"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static void* Alloc(nuint byteCount, uint site)
        => Interception.IsActive
            ? Sited(byteCount, AllocationApi.NativeMemoryAlloc, CallSites.Use(site))
            : NativeMemory.Alloc(byteCount);

    /// <inheritdoc cref="TrackedMemory.Alloc(nuint, nuint)"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static void* Alloc(nuint elementCount, nuint elementSize, uint site)
        => Interception.IsActive
            ? RecordedMemory.Alloc(elementCount, elementSize, CallSites.Use(site))
            : NativeMemory.Alloc(elementCount, elementSize);

    /// <inheritdoc cref="TrackedMemory.AllocZeroed(nuint)"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static void* AllocZeroed(nuint byteCount, uint site)
        => Interception.IsActive
            ? RecordedMemory.AllocZeroed(byteCount, 1, CallSites.Use(site))
            : NativeMemory.AllocZeroed(byteCount);

    /// <inheritdoc cref="TrackedMemory.AllocZeroed(nuint, nuint)"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static void* AllocZeroed(nuint elementCount, nuint elementSize, uint site)
        => Interception.IsActive
            ? RecordedMemory.AllocZeroed(elementCount, elementSize, CallSites.Use(site))
            : NativeMemory.AllocZeroed(elementCount, elementSize);

    /// <inheritdoc cref="TrackedMemory.Realloc"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static void* Realloc(void* ptr, nuint byteCount, uint site)
        => Interception.IsActive
            ? RecordedMemory.Realloc(ptr, byteCount, AllocationApi.NativeMemoryRealloc, CallSites.Use(site))
            : NativeMemory.Realloc(ptr, byteCount);

    /// <inheritdoc cref="TrackedMemory.AlignedAlloc"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static void* AlignedAlloc(nuint byteCount, nuint alignment, uint site)
        => Interception.IsActive
            ? RecordedMemory.AlignedAlloc(byteCount, alignment, CallSites.Use(site))
            : NativeMemory.AlignedAlloc(byteCount, alignment);

    /// <inheritdoc cref="TrackedMemory.AlignedRealloc"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static void* AlignedRealloc(void* ptr, nuint byteCount, nuint alignment, uint site)
        => Interception.IsActive
            ? RecordedMemory.AlignedRealloc(ptr, byteCount, alignment, CallSites.Use(site))
            : NativeMemory.AlignedRealloc(ptr, byteCount, alignment);

    // Without a site the straight line of the plain member is the better one.
    internal static void* Sited(nuint byteCount, AllocationApi api, uint site)
        => site != 0 ? RecordedMemory.AllocAt(byteCount, api, site) : RecordedMemory.Alloc(byteCount, api);
}
