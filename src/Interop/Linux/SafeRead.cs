// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the only way in which the living process reads memory that is not its own.
// Who calls it: LinuxProcessMemory, the parent's part of a snapshot, and the child's second try after a fault.
// The one idea: process_vm_readv lets the kernel take the fault. A load that faults in a .NET process is an
// AccessViolationException, which nothing can catch.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.Interop.Linux;

/// <summary>Fault-safe copying. Thread-safe, allocation-free, legal in the parked world and in the child.</summary>
[ChildCode]
internal static unsafe partial class SafeRead
{
    // The kernel transfers at most 0x7FFFF000 bytes in one call; larger copies go in pieces.
    private const nint LargestPieceByteCount = 1 << 30;

    // struct iovec of <bits/types/struct_iovec.h>.
    [StructLayout(LayoutKind.Sequential)]
    private struct IoVector
    {
        public nint Base;
        public nint ByteCount;
    }

    /// <summary>Copies memory of a process, up to the first byte that cannot be read.</summary>
    /// <param name="processId">The process: our own id, the parent's, or a child's.</param>
    /// <param name="address">Where to read; any number is allowed.</param>
    /// <param name="destination">Where to write; must be writable for <paramref name="byteCount"/> bytes.</param>
    /// <param name="byteCount">Bytes wanted; 0 copies nothing.</param>
    /// <returns>Bytes copied, exact to the byte; −EFAULT when not even the first one can be read; −errno otherwise.</returns>
    // Safety: the kernel checks both sides; a bad destination is a short count as well.
    [MethodImpl(ChildCode.Options)]
    public static nint Copy(int processId, nuint address, void* destination, nint byteCount)
        => CopyInline(processId, address, destination, byteCount);

    /// <summary>As <see cref="Copy"/>, for code that runs before Main: it is compiled ahead, which child code must not be.</summary>
    // Safety: as in Copy.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint CopyInline(int processId, nuint address, void* destination, nint byteCount)
    {
        nint total = 0;
        while (total < byteCount)
        {
            nint piece = byteCount - total;
            piece = piece > LargestPieceByteCount ? LargestPieceByteCount : piece;
            IoVector local, remote;
            local.Base = (nint)destination + total;
            local.ByteCount = piece;
            remote.Base = (nint)address + total;
            remote.ByteCount = piece;
            nint count = s_memoryFile > 0
                ? ReadFile(address + (nuint)total, (byte*)destination + total, piece)
                : RawSyscall.Invoke(SyscallNumber.ProcessVmReadv, processId, (nint)(&local), 1, (nint)(&remote), 1, 0);
            if (count <= 0)
            {
                return total > 0 ? total : count;
            }

            total += count;
            if (count < piece)
            {
                break;
            }
        }

        return total;
    }
}
