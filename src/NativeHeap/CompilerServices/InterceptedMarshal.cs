// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the allocating members of Marshal with one parameter more, the call's site.
// Who calls it: the code that the package's generator adds to an application, behind Interception.IsActive.
// The one idea: as TrackedMarshal, but who calls is known already: at level count no stack is walked.
// Safety: pointers are passed on under the contract of the original member.
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Security;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

// Parameters are named as in the originals.
#pragma warning disable CA1720
// The others are described where the member is inherited from.
#pragma warning disable CS1573

namespace NativeLeak.CompilerServices;

/// <summary>For code that NativeLeak's source generator writes; not meant to be used directly. Members, parameters, rules
/// for zero and null, and exceptions are those of <see cref="TrackedMarshal"/>.</summary>
/// <remarks>Thread safety: every member, at any time, on any thread. Cost: as <see cref="TrackedMarshal"/>, at level count
/// without the walk over the stack. While nothing is recorded each is a call of the original.</remarks>
[EditorBrowsable(EditorBrowsableState.Never)]
public static unsafe class InterceptedMarshal
{
    /// <inheritdoc cref="TrackedMarshal.AllocHGlobal(int)"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint AllocHGlobal(int cb, uint site)
        => Interception.IsActive
            ? (nint)InterceptedMemory.Sited((nuint)(nint)cb, AllocationApi.MarshalAllocHGlobal, CallSites.Use(site))
            : Marshal.AllocHGlobal(cb);

    /// <inheritdoc cref="TrackedMarshal.AllocHGlobal(nint)"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint AllocHGlobal(nint cb, uint site)
        => Interception.IsActive
            ? (nint)InterceptedMemory.Sited((nuint)cb, AllocationApi.MarshalAllocHGlobal, CallSites.Use(site))
            : Marshal.AllocHGlobal(cb);

    /// <inheritdoc cref="TrackedMarshal.ReAllocHGlobal"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint ReAllocHGlobal(nint pv, nint cb, uint site)
        => Interception.IsActive
            ? (nint)RecordedMemory.Realloc((void*)pv, (nuint)cb, AllocationApi.MarshalReAllocHGlobal, CallSites.Use(site))
            : Marshal.ReAllocHGlobal(pv, cb);

    /// <inheritdoc cref="TrackedMarshal.AllocCoTaskMem"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint AllocCoTaskMem(int cb, uint site)
        => Interception.IsActive
            ? (nint)InterceptedMemory.Sited((uint)cb, AllocationApi.MarshalAllocCoTaskMem, CallSites.Use(site))
            : Marshal.AllocCoTaskMem(cb);

    /// <inheritdoc cref="TrackedMarshal.ReAllocCoTaskMem"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint ReAllocCoTaskMem(nint pv, int cb, uint site)
        => Interception.IsActive
            ? RecordedMarshal.ReAllocCoTaskMem(pv, cb, CallSites.Use(site))
            : Marshal.ReAllocCoTaskMem(pv, cb);

    /// <inheritdoc cref="TrackedMarshal.StringToHGlobalAnsi"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint StringToHGlobalAnsi(string? s, uint site)
        => Interception.IsActive && s is not null && !RecordedMarshal.IsTooLongForAnsi(s)
            ? RecordedMarshal.StringToAnsi(s, AllocationApi.MarshalStringToHGlobalAnsi, CallSites.Use(site))
            : Marshal.StringToHGlobalAnsi(s);

    /// <inheritdoc cref="TrackedMarshal.StringToCoTaskMemAnsi"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint StringToCoTaskMemAnsi(string? s, uint site)
        => Interception.IsActive && s is not null && !RecordedMarshal.IsTooLongForAnsi(s)
            ? RecordedMarshal.StringToAnsi(s, AllocationApi.MarshalStringToCoTaskMemAnsi, CallSites.Use(site))
            : Marshal.StringToCoTaskMemAnsi(s);

    /// <inheritdoc cref="TrackedMarshal.StringToHGlobalUni"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint StringToHGlobalUni(string? s, uint site)
        => Interception.IsActive && s is not null
            ? RecordedMarshal.StringToUni(s, AllocationApi.MarshalStringToHGlobalUni, CallSites.Use(site))
            : Marshal.StringToHGlobalUni(s);

    /// <inheritdoc cref="TrackedMarshal.StringToCoTaskMemUni"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint StringToCoTaskMemUni(string? s, uint site)
        => Interception.IsActive && s is not null
            ? RecordedMarshal.StringToUni(s, AllocationApi.MarshalStringToCoTaskMemUni, CallSites.Use(site))
            : Marshal.StringToCoTaskMemUni(s);

    /// <inheritdoc cref="TrackedMarshal.StringToHGlobalAuto"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint StringToHGlobalAuto(string? s, uint site)
        => Interception.IsActive && s is not null
            ? RecordedMarshal.StringToUtf8(s, AllocationApi.MarshalStringToHGlobalAuto, CallSites.Use(site))
            : Marshal.StringToHGlobalAuto(s);

    /// <inheritdoc cref="TrackedMarshal.StringToCoTaskMemAuto"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint StringToCoTaskMemAuto(string? s, uint site)
        => Interception.IsActive && s is not null
            ? RecordedMarshal.StringToUtf8(s, AllocationApi.MarshalStringToCoTaskMemAuto, CallSites.Use(site))
            : Marshal.StringToCoTaskMemAuto(s);

    /// <inheritdoc cref="TrackedMarshal.StringToCoTaskMemUTF8"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint StringToCoTaskMemUTF8(string? s, uint site)
        => Interception.IsActive && s is not null
            ? RecordedMarshal.StringToUtf8(s, AllocationApi.MarshalStringToCoTaskMemUTF8, CallSites.Use(site))
            : Marshal.StringToCoTaskMemUTF8(s);

    /// <inheritdoc cref="TrackedMarshal.StringToBSTR"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint StringToBSTR(string? s, uint site)
        => Interception.IsActive && s is not null
            ? RecordedMarshal.StringToBstr(s, CallSites.Use(site))
            : Marshal.StringToBSTR(s);

    /// <inheritdoc cref="TrackedMarshal.SecureStringToBSTR"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint SecureStringToBSTR(SecureString s, uint site)
        => Interception.IsActive
            ? RecordedMarshal.SecureStringToBstr(s, CallSites.Use(site))
            : Marshal.SecureStringToBSTR(s);

    /// <inheritdoc cref="TrackedMarshal.SecureStringToCoTaskMemAnsi"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint SecureStringToCoTaskMemAnsi(SecureString s, uint site)
        => Interception.IsActive
            ? RecordedMarshal.SecureStringToAnsi(s, AllocationApi.MarshalSecureStringToCoTaskMemAnsi, CallSites.Use(site))
            : Marshal.SecureStringToCoTaskMemAnsi(s);

    /// <inheritdoc cref="TrackedMarshal.SecureStringToGlobalAllocAnsi"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint SecureStringToGlobalAllocAnsi(SecureString s, uint site)
        => Interception.IsActive
            ? RecordedMarshal.SecureStringToAnsi(s, AllocationApi.MarshalSecureStringToGlobalAllocAnsi, CallSites.Use(site))
            : Marshal.SecureStringToGlobalAllocAnsi(s);

    /// <inheritdoc cref="TrackedMarshal.SecureStringToCoTaskMemUnicode"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint SecureStringToCoTaskMemUnicode(SecureString s, uint site)
        => Interception.IsActive
            ? RecordedMarshal.SecureStringToUni(s, AllocationApi.MarshalSecureStringToCoTaskMemUnicode, CallSites.Use(site))
            : Marshal.SecureStringToCoTaskMemUnicode(s);

    /// <inheritdoc cref="TrackedMarshal.SecureStringToGlobalAllocUnicode"/>
    /// <param name="site">Number of the call's site, from <see cref="Interception.Register"/>; 0: not known.</param>
    public static nint SecureStringToGlobalAllocUnicode(SecureString s, uint site)
        => Interception.IsActive
            ? RecordedMarshal.SecureStringToUni(s, AllocationApi.MarshalSecureStringToGlobalAllocUnicode, CallSites.Use(site))
            : Marshal.SecureStringToGlobalAllocUnicode(s);
}
