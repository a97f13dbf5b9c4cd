// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>
/// Trap 1 made certain: forks exactly while another thread waits for this one to be suspended. A call that ends in a
/// poll for collections never comes back in the child then; the plain call of the stub does.
/// </summary>
[ChildCode]
internal static unsafe class ForkTrap
{
    /// <summary>Forks once and returns the child's process id.</summary>
    /// <param name="libcFork">libc's fork, called without a transition but with a poll; null = the raw stub.</param>
    /// <param name="collect">Set to 1 to make the other thread collect.</param>
    [MethodImpl(ChildCode.Options)]
    public static int Fork(delegate* unmanaged[SuppressGCTransition]<int> libcFork, int* collect)
    {
        // Blocked signals keep the runtime from suspending us before the fork; cooperative mode keeps it waiting.
        ulong all = ulong.MaxValue, saved = 0;
        RawSyscall.Invoke(SyscallNumber.RtSigprocmask, 0, (nint)(&all), (nint)(&saved), 8);
        Volatile.Write(ref *collect, 1);
        TimeSpecification pause;
        pause.Seconds = 0;
        pause.Nanoseconds = 20_000_000;
        int word = 0;
        RawSyscall.Invoke(SyscallNumber.Futex, (nint)(&word), 128, 0, (nint)(&pause));
        int child = libcFork != null ? libcFork() : (int)RawSyscall.Invoke(SyscallNumber.Clone);
        if (child == 0)
        {
            RawSyscall.Invoke(SyscallNumber.ExitGroup, SnapshotChild.Success);
        }

        RawSyscall.Invoke(SyscallNumber.RtSigprocmask, 2, (nint)(&saved), 0, 8);
        return child;
    }
}
