// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how the scan reads memory of the application: as it is in a copy, through the kernel in the living process.
// Who calls it: everything that looks at the application's memory; RootScan and Marker for whole ranges.
// The one idea: in a copy nothing changes and a fault kills only the copy, so a read is a load; in the living process another
// thread may unmap what is being read, and that fault nobody could catch, so the kernel reads.
// Safety: without a reader this is the copy, and the caller has asked the list of mappings.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Roots;

namespace NativeLeak.Marking;

/// <summary>Reads of single words, and copies.</summary>
[ChildCode]
internal static unsafe class Peek
{
    /// <summary>Whether single words may be read: not after a fault in a copy, where only whole ranges are copied.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsAllowed(ChildState* state) => state->SafeMode == 0 || state->Reader != null;

    /// <summary>Eight bytes; zero where the living process has none any more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint Word(ChildState* state, nuint address)
        => state->Reader == null ? *(nuint*)address : LiveReader.Word(state->Reader, address);

    /// <summary>Four bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Half(ChildState* state, nuint address)
        => state->Reader == null ? *(uint*)address : LiveReader.Half(state->Reader, address);

    /// <summary>One byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte Octet(ChildState* state, nuint address)
        => state->Reader == null ? *(byte*)address : (byte)LiveReader.Half(state->Reader, address);

    /// <summary>Copies up to the first byte that cannot be read; never faults.</summary>
    /// <returns>Bytes copied; negative when not even the first one can be read.</returns>
    [MethodImpl(ChildCode.Options)]
    public static nint Copy(ChildState* state, nuint address, byte* destination, nint byteCount)
        => state->Reader == null
            ? SafeRead.Copy(state->OwnProcessId, address, destination, byteCount)
            : LiveReader.Copy(state->Reader, address, destination, byteCount);

    /// <summary>As <see cref="Copy"/>, for memory that marking reads as well: blocks and roots.</summary>
    /// <remarks>
    /// process_vm_readv pins what it reads, and of a page that a copy shares with its origin the kernel first makes a page of
    /// the copy's own: some ten microseconds, and memory. So what the list of mappings calls readable is read as marking reads
    /// it, directly, as long as this copy reads directly at all.
    /// </remarks>
    [MethodImpl(ChildCode.Options)]
    public static nint CopyMarked(ChildState* state, nuint address, byte* destination, nint byteCount)
    {
        if (state->SafeMode != 0 || byteCount <= 0 || !Extents.Contains(&state->Readable, address, (nuint)byteCount))
        {
            return Copy(state, address, destination, byteCount);
        }

        nint at = 0;
        for (; at + sizeof(ulong) <= byteCount; at += sizeof(ulong))
        {
            Unsafe.WriteUnaligned(destination + at, Unsafe.ReadUnaligned<ulong>((byte*)address + at));
        }

        for (; at < byteCount; at++)
        {
            destination[at] = *((byte*)address + at);
        }

        return byteCount;
    }
}
