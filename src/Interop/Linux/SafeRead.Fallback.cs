// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: reads into what SafeRead.Copy was given.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <content>The way through the memory file (<see cref="MemoryFile"/>).</content>
internal static unsafe partial class SafeRead
{
    // 0: process_vm_readv is used. Never set while a snapshot is taken: a child has no descriptors.
    private static nint s_memoryFile;

    /// <summary>From now on copies come from this descriptor; 0: from process_vm_readv.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Use(nint memoryFile) => s_memoryFile = memoryFile;

    [MethodImpl(ChildCode.Options)]
    private static nint ReadFile(nuint address, byte* destination, nint byteCount)
    {
        nint count = RawSyscall.Invoke(SyscallNumber.Pread64, s_memoryFile, (nint)destination, byteCount, (nint)address);
        return count == -ErrorNumber.EIO ? -ErrorNumber.EFAULT : count;
    }
}
