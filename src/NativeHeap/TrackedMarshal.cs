// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the members of Marshal that allocate or free, under another class name, recorded.
// Who calls it: code that cannot be hooked, or wants its allocations tracked whatever the host does.
// The one idea: off, each member is the original (the branch is folded away); recording, the C heap does the same work.
// Safety: pointers are passed to the C heap under the contract of the original member; strings are written within the
// size just allocated.
using System.Runtime.InteropServices;
using System.Security;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

// Parameters are named as in the originals, so that named arguments keep compiling.
#pragma warning disable CA1720

namespace NativeLeak;

/// <summary>
/// The allocating and freeing members of <see cref="Marshal"/>: same names, parameters, zero and null rules and
/// exceptions, but every block is known to the leak detector under the name of the member that made it.
/// </summary>
/// <remarks>
/// <para>Blocks are ordinary blocks of the C heap: what is allocated here may be freed by <see cref="Marshal"/> and the
/// other way round.</para>
/// <para>Thread safety and cost: as for <see cref="TrackedMemory"/>. With <c>NATIVELEAK</c> unset, off, 0 or false
/// every member is a direct call of the original.</para>
/// </remarks>
public static unsafe class TrackedMarshal
{
    /// <summary>Allocates memory from the process's heap.</summary>
    /// <param name="cb">Bytes to allocate; 0 gives a valid pointer that must be freed.</param>
    /// <returns>The block; its contents are undefined. Free it with <see cref="FreeHGlobal"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating failed; always so for a negative size.</exception>
    public static nint AllocHGlobal(int cb)
        => TrackingSwitch.IsRecording
            ? (nint)RecordedMemory.Alloc((nuint)(nint)cb, AllocationApi.MarshalAllocHGlobal)
            : Marshal.AllocHGlobal(cb);

    /// <summary>Allocates memory from the process's heap.</summary>
    /// <param name="cb">Bytes to allocate; 0 gives a valid pointer that must be freed.</param>
    /// <returns>The block; its contents are undefined. Free it with <see cref="FreeHGlobal"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating failed; always so for a negative size.</exception>
    public static nint AllocHGlobal(nint cb)
        => TrackingSwitch.IsRecording
            ? (nint)RecordedMemory.Alloc((nuint)cb, AllocationApi.MarshalAllocHGlobal)
            : Marshal.AllocHGlobal(cb);

    /// <summary>Changes the size of a block of <see cref="AllocHGlobal(nint)"/>; it may move.</summary>
    /// <param name="pv">The block; 0 acts as <see cref="AllocHGlobal(nint)"/>.</param>
    /// <param name="cb">The new size in bytes; 0 gives a valid pointer that must be freed.</param>
    /// <returns>The block at its new place. Its allocation site is this call.</returns>
    /// <exception cref="OutOfMemoryException">Reallocating failed; the old block, and what is known of it, is
    /// unchanged.</exception>
    public static nint ReAllocHGlobal(nint pv, nint cb)
        => TrackingSwitch.IsRecording
            ? (nint)RecordedMemory.Realloc((void*)pv, (nuint)cb, AllocationApi.MarshalReAllocHGlobal)
            : Marshal.ReAllocHGlobal(pv, cb);

    /// <summary>
    /// Frees a block of <see cref="AllocHGlobal(nint)"/>, <see cref="ReAllocHGlobal"/> or a StringToHGlobal member.
    /// </summary>
    /// <param name="hglobal">The block; 0 does nothing.</param>
    public static void FreeHGlobal(nint hglobal)
    {
        if (TrackingSwitch.IsRecording)
        {
            RecordedMemory.Free((void*)hglobal, FreeingApi.MarshalFreeHGlobal);
        }
        else
        {
            Marshal.FreeHGlobal(hglobal);
        }
    }

    /// <summary>Allocates memory as the COM task allocator would.</summary>
    /// <param name="cb">Bytes to allocate, taken as unsigned; 0 gives a valid pointer that must be freed.</param>
    /// <returns>The block; its contents are undefined. Free it with <see cref="FreeCoTaskMem"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    public static nint AllocCoTaskMem(int cb)
        => TrackingSwitch.IsRecording
            ? (nint)RecordedMemory.Alloc((uint)cb, AllocationApi.MarshalAllocCoTaskMem)
            : Marshal.AllocCoTaskMem(cb);

    /// <summary>Changes the size of a block of <see cref="AllocCoTaskMem"/>; it may move.</summary>
    /// <param name="pv">The block; 0 acts as <see cref="AllocCoTaskMem"/>.</param>
    /// <param name="cb">The new size in bytes, taken as unsigned; 0 frees a block that is not 0.</param>
    /// <returns>The block at its new place, or 0 when it was freed. Its allocation site is this call.</returns>
    /// <exception cref="OutOfMemoryException">Reallocating failed; the old block, and what is known of it, is
    /// unchanged.</exception>
    public static nint ReAllocCoTaskMem(nint pv, int cb)
        => TrackingSwitch.IsRecording
            ? RecordedMarshal.ReAllocCoTaskMem(pv, cb)
            : Marshal.ReAllocCoTaskMem(pv, cb);

    /// <summary>
    /// Frees a block of <see cref="AllocCoTaskMem"/>, <see cref="ReAllocCoTaskMem"/> or a StringToCoTaskMem member.
    /// </summary>
    /// <param name="ptr">The block; 0 does nothing.</param>
    public static void FreeCoTaskMem(nint ptr)
    {
        if (TrackingSwitch.IsRecording)
        {
            RecordedMemory.Free((void*)ptr, FreeingApi.MarshalFreeCoTaskMem);
        }
        else
        {
            Marshal.FreeCoTaskMem(ptr);
        }
    }

    /// <summary>
    /// Copies a string into native memory as UTF-8 (the platform's ANSI encoding here) with a final zero.
    /// </summary>
    /// <param name="s">The string; <see langword="null"/> gives 0. A lone surrogate becomes U+FFFD in UTF-8.</param>
    /// <returns>The block. Free it with <see cref="FreeHGlobal"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The string is too long for the room it would need.</exception>
    public static nint StringToHGlobalAnsi(string? s)
        => TrackingSwitch.IsRecording && s is not null && !RecordedMarshal.IsTooLongForAnsi(s)
            ? RecordedMarshal.StringToAnsi(s, AllocationApi.MarshalStringToHGlobalAnsi)
            : Marshal.StringToHGlobalAnsi(s);

    /// <summary>Copies a string into native memory as UTF-16 with a final zero.</summary>
    /// <param name="s">The string; <see langword="null"/> gives 0.</param>
    /// <returns>The block. Free it with <see cref="FreeHGlobal"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    public static nint StringToHGlobalUni(string? s)
        => TrackingSwitch.IsRecording && s is not null
            ? RecordedMarshal.StringToUni(s, AllocationApi.MarshalStringToHGlobalUni)
            : Marshal.StringToHGlobalUni(s);

    /// <summary>
    /// Copies a string into native memory as UTF-8 (the platform's default encoding here) with a final zero.
    /// </summary>
    /// <param name="s">The string; <see langword="null"/> gives 0. A lone surrogate becomes U+FFFD in UTF-8.</param>
    /// <returns>The block. Free it with <see cref="FreeHGlobal"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    /// <exception cref="ArgumentException">The string is too long for the room it would need.</exception>
    public static nint StringToHGlobalAuto(string? s)
        => TrackingSwitch.IsRecording && s is not null
            ? RecordedMarshal.StringToUtf8(s, AllocationApi.MarshalStringToHGlobalAuto)
            : Marshal.StringToHGlobalAuto(s);

    /// <summary>
    /// Copies a string into native memory as UTF-8 (the platform's ANSI encoding here) with a final zero.
    /// </summary>
    /// <param name="s">The string; <see langword="null"/> gives 0. A lone surrogate becomes U+FFFD in UTF-8.</param>
    /// <returns>The block. Free it with <see cref="FreeCoTaskMem"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The string is too long for the room it would need.</exception>
    public static nint StringToCoTaskMemAnsi(string? s)
        => TrackingSwitch.IsRecording && s is not null && !RecordedMarshal.IsTooLongForAnsi(s)
            ? RecordedMarshal.StringToAnsi(s, AllocationApi.MarshalStringToCoTaskMemAnsi)
            : Marshal.StringToCoTaskMemAnsi(s);

    /// <summary>Copies a string into native memory as UTF-16 with a final zero.</summary>
    /// <param name="s">The string; <see langword="null"/> gives 0.</param>
    /// <returns>The block. Free it with <see cref="FreeCoTaskMem"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    public static nint StringToCoTaskMemUni(string? s)
        => TrackingSwitch.IsRecording && s is not null
            ? RecordedMarshal.StringToUni(s, AllocationApi.MarshalStringToCoTaskMemUni)
            : Marshal.StringToCoTaskMemUni(s);

    /// <summary>
    /// Copies a string into native memory as UTF-8 (the platform's default encoding here) with a final zero.
    /// </summary>
    /// <param name="s">The string; <see langword="null"/> gives 0. A lone surrogate becomes U+FFFD in UTF-8.</param>
    /// <returns>The block. Free it with <see cref="FreeCoTaskMem"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    /// <exception cref="ArgumentException">The string is too long for the room it would need.</exception>
    public static nint StringToCoTaskMemAuto(string? s)
        => TrackingSwitch.IsRecording && s is not null
            ? RecordedMarshal.StringToUtf8(s, AllocationApi.MarshalStringToCoTaskMemAuto)
            : Marshal.StringToCoTaskMemAuto(s);

    /// <summary>Copies a string into native memory as UTF-8 with a final zero.</summary>
    /// <param name="s">The string; <see langword="null"/> gives 0. A lone surrogate becomes U+FFFD in UTF-8.</param>
    /// <returns>The block. Free it with <see cref="FreeCoTaskMem"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    /// <exception cref="ArgumentException">The string is too long for the room it would need.</exception>
    public static nint StringToCoTaskMemUTF8(string? s)
        => TrackingSwitch.IsRecording && s is not null
            ? RecordedMarshal.StringToUtf8(s, AllocationApi.MarshalStringToCoTaskMemUTF8)
            : Marshal.StringToCoTaskMemUTF8(s);

    /// <summary>Copies a string into a BSTR: its length in bytes stands before the first character.</summary>
    /// <param name="s">The string; <see langword="null"/> gives 0.</param>
    /// <returns>The first character, 8 bytes into its block. Free it with <see cref="FreeBSTR"/>.</returns>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    public static nint StringToBSTR(string? s)
        => TrackingSwitch.IsRecording && s is not null
            ? RecordedMarshal.StringToBstr(s)
            : Marshal.StringToBSTR(s);

    /// <summary>Frees a BSTR of <see cref="StringToBSTR"/> or <see cref="SecureStringToBSTR"/>.</summary>
    /// <param name="ptr">The BSTR (its first character); 0 does nothing.</param>
    public static void FreeBSTR(nint ptr)
    {
        if (TrackingSwitch.IsRecording)
        {
            RecordedMarshal.FreeBstr(ptr, FreeingApi.MarshalFreeBSTR);
        }
        else
        {
            Marshal.FreeBSTR(ptr);
        }
    }

    /// <summary>Zeroes a BSTR's text and frees it.</summary>
    /// <param name="s">The BSTR (its first character); 0 does nothing.</param>
    public static void ZeroFreeBSTR(nint s)
    {
        if (TrackingSwitch.IsRecording)
        {
            RecordedMarshal.ZeroFreeBstr(s);
        }
        else
        {
            Marshal.ZeroFreeBSTR(s);
        }
    }

    /// <summary>
    /// Zeroes a string of <see cref="StringToCoTaskMemAnsi"/> (or its SecureString counterpart) up to its final zero
    /// and frees it.
    /// </summary>
    /// <param name="s">The string; 0 does nothing.</param>
    public static void ZeroFreeCoTaskMemAnsi(nint s)
    {
        if (TrackingSwitch.IsRecording)
        {
            RecordedMarshal.ZeroFreeBytes(s, FreeingApi.MarshalZeroFreeCoTaskMemAnsi);
        }
        else
        {
            Marshal.ZeroFreeCoTaskMemAnsi(s);
        }
    }

    /// <summary>
    /// Zeroes a string of <see cref="StringToCoTaskMemUTF8"/> (or its SecureString counterpart) up to its final zero
    /// and frees it.
    /// </summary>
    /// <param name="s">The string; 0 does nothing.</param>
    public static void ZeroFreeCoTaskMemUTF8(nint s)
    {
        if (TrackingSwitch.IsRecording)
        {
            RecordedMarshal.ZeroFreeBytes(s, FreeingApi.MarshalZeroFreeCoTaskMemUTF8);
        }
        else
        {
            Marshal.ZeroFreeCoTaskMemUTF8(s);
        }
    }

    /// <summary>
    /// Zeroes a string of <see cref="StringToCoTaskMemUni"/> (or its SecureString counterpart) up to its final zero and
    /// frees it.
    /// </summary>
    /// <param name="s">The string; 0 does nothing.</param>
    public static void ZeroFreeCoTaskMemUnicode(nint s)
    {
        if (TrackingSwitch.IsRecording)
        {
            RecordedMarshal.ZeroFreeChars(s, FreeingApi.MarshalZeroFreeCoTaskMemUnicode);
        }
        else
        {
            Marshal.ZeroFreeCoTaskMemUnicode(s);
        }
    }

    /// <summary>
    /// Zeroes a string of <see cref="StringToHGlobalAnsi"/> (or its SecureString counterpart) up to its final zero and
    /// frees it.
    /// </summary>
    /// <param name="s">The string; 0 does nothing.</param>
    public static void ZeroFreeGlobalAllocAnsi(nint s)
    {
        if (TrackingSwitch.IsRecording)
        {
            RecordedMarshal.ZeroFreeBytes(s, FreeingApi.MarshalZeroFreeGlobalAllocAnsi);
        }
        else
        {
            Marshal.ZeroFreeGlobalAllocAnsi(s);
        }
    }

    /// <summary>
    /// Zeroes a string of <see cref="StringToHGlobalUni"/> (or its SecureString counterpart) up to its final zero and
    /// frees it.
    /// </summary>
    /// <param name="s">The string; 0 does nothing.</param>
    public static void ZeroFreeGlobalAllocUnicode(nint s)
    {
        if (TrackingSwitch.IsRecording)
        {
            RecordedMarshal.ZeroFreeChars(s, FreeingApi.MarshalZeroFreeGlobalAllocUnicode);
        }
        else
        {
            Marshal.ZeroFreeGlobalAllocUnicode(s);
        }
    }

    /// <summary>Copies the text of a secure string into a BSTR.</summary>
    /// <param name="s">The secure string.</param>
    /// <returns>The first character, 8 bytes into its block. Free it with <see cref="ZeroFreeBSTR"/>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="s"/> is <see langword="null"/>.</exception>
    /// <exception cref="ObjectDisposedException"><paramref name="s"/> is disposed.</exception>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    public static nint SecureStringToBSTR(SecureString s)
        => TrackingSwitch.IsRecording
            ? RecordedMarshal.SecureStringToBstr(s)
            : Marshal.SecureStringToBSTR(s);

    /// <summary>
    /// Copies the text of a secure string into native memory as UTF-8 (the platform's ANSI encoding here).
    /// </summary>
    /// <param name="s">The secure string.</param>
    /// <returns>The block. Free it with <see cref="ZeroFreeCoTaskMemAnsi"/>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="s"/> is <see langword="null"/>.</exception>
    /// <exception cref="ObjectDisposedException"><paramref name="s"/> is disposed.</exception>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    public static nint SecureStringToCoTaskMemAnsi(SecureString s)
        => TrackingSwitch.IsRecording
            ? RecordedMarshal.SecureStringToAnsi(s, AllocationApi.MarshalSecureStringToCoTaskMemAnsi)
            : Marshal.SecureStringToCoTaskMemAnsi(s);

    /// <summary>Copies the text of a secure string into native memory as UTF-16.</summary>
    /// <param name="s">The secure string.</param>
    /// <returns>The block. Free it with <see cref="ZeroFreeCoTaskMemUnicode"/>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="s"/> is <see langword="null"/>.</exception>
    /// <exception cref="ObjectDisposedException"><paramref name="s"/> is disposed.</exception>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    public static nint SecureStringToCoTaskMemUnicode(SecureString s)
        => TrackingSwitch.IsRecording
            ? RecordedMarshal.SecureStringToUni(s, AllocationApi.MarshalSecureStringToCoTaskMemUnicode)
            : Marshal.SecureStringToCoTaskMemUnicode(s);

    /// <summary>
    /// Copies the text of a secure string into native memory as UTF-8 (the platform's ANSI encoding here).
    /// </summary>
    /// <param name="s">The secure string.</param>
    /// <returns>The block. Free it with <see cref="ZeroFreeGlobalAllocAnsi"/>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="s"/> is <see langword="null"/>.</exception>
    /// <exception cref="ObjectDisposedException"><paramref name="s"/> is disposed.</exception>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    public static nint SecureStringToGlobalAllocAnsi(SecureString s)
        => TrackingSwitch.IsRecording
            ? RecordedMarshal.SecureStringToAnsi(s, AllocationApi.MarshalSecureStringToGlobalAllocAnsi)
            : Marshal.SecureStringToGlobalAllocAnsi(s);

    /// <summary>Copies the text of a secure string into native memory as UTF-16.</summary>
    /// <param name="s">The secure string.</param>
    /// <returns>The block. Free it with <see cref="ZeroFreeGlobalAllocUnicode"/>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="s"/> is <see langword="null"/>.</exception>
    /// <exception cref="ObjectDisposedException"><paramref name="s"/> is disposed.</exception>
    /// <exception cref="OutOfMemoryException">Allocating failed.</exception>
    public static nint SecureStringToGlobalAllocUnicode(SecureString s)
        => TrackingSwitch.IsRecording
            ? RecordedMarshal.SecureStringToUni(s, AllocationApi.MarshalSecureStringToGlobalAllocUnicode)
            : Marshal.SecureStringToGlobalAllocUnicode(s);
}
