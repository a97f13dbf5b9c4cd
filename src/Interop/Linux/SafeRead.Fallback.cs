// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: reads into what SafeRead.Copy was given.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <content>The way through the memory file (<see cref="MemoryFile"/>).</content>
internal static unsafe partial class SafeRead
{
    // 0: process_vm_readv is used.
    private static nint s_memoryFile;

    /// <summary>From now on copies come from this descriptor; 0: from process_vm_readv.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Use(nint memoryFile) => s_memoryFile = memoryFile;

    /// <summary>In a child, whose table of descriptors is empty and whose memory is another than the parent's: where the parent
    /// uses its memory file, the child gets its own under the same number. The number itself must not be changed: statics may lie
    /// in memory that the runtime maps twice, shared, and that the child therefore shares with the parent.</summary>
    /// <param name="path">"/proc/self/mem", ends with 0.</param>
    [MethodImpl(ChildCode.Options)]
    public static void OpenChildsOwn(byte* path)
    {
        if (s_memoryFile > 0)
        {
            nint file = RawSyscall.Invoke(SyscallNumber.Open, (nint)path, MemoryFile.OpenReadOnlyCloseOnExec);
            if (file >= 0 && file != s_memoryFile)
            {
                RawSyscall.Invoke(SyscallNumber.Dup2, file, s_memoryFile);
            }
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static nint ReadFile(nuint address, byte* destination, nint byteCount)
    {
        nint count = RawSyscall.Invoke(SyscallNumber.Pread64, s_memoryFile, (nint)destination, byteCount, (nint)address);
        return count == -ErrorNumber.EIO ? -ErrorNumber.EFAULT : count;
    }
}
