// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.Versioning;

namespace NativeLeak.Interop.Linux;

/// <summary>Memory of this process, read so that a hole is a short count (<see cref="SafeRead"/>).</summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe class LinuxProcessMemory : IProcessMemory
{
    /// <summary>Makes sure that system calls can be made.</summary>
    public LinuxProcessMemory() => RawSyscall.Initialize();

    /// <inheritdoc/>
    public nuint Read(nuint address, Span<byte> destination)
    {
        // Asked each time: a fork made by native code would otherwise read its parent.
        int processId = (int)RawSyscall.Invoke(SyscallNumber.Getpid);

        // Safety: the span is pinned for the duration of the copy, which is bounded by its length.
        fixed (byte* target = destination)
        {
            nint count = SafeRead.Copy(processId, address, target, destination.Length);
            return count < 0 ? 0 : (nuint)count;
        }
    }
}
