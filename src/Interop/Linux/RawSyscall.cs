// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <summary>
/// System calls without libc, without a GC transition and without a GC poll. Negative results are −errno.
/// Legal on any thread in cooperative mode, in the parked world and in the child. A call that blocks delays every GC:
/// use it only for calls that return at once, or where the world is stopped anyway.
/// </summary>
[ChildCode]
internal static unsafe class RawSyscall
{
    // Safety: the pointer is typed as a *managed* function pointer on purpose (see MachineCode); the stub follows the
    // System V convention, which is what the JIT uses for managed calls with integer arguments on Linux x64.
    private static delegate*<nint, nint, nint, nint, nint, nint, nint, nint> s_stub;

    /// <summary>Assembles the stub; called once, before anything else here. Idempotent.</summary>
    public static void Initialize()
    {
        if (s_stub == null)
        {
            s_stub = (delegate*<nint, nint, nint, nint, nint, nint, nint, nint>)MachineCode.Syscall;
        }
    }

    /// <summary>Whether <see cref="Initialize"/> ran.</summary>
    public static bool IsInitialized => s_stub != null;

    /// <summary>Invokes system call <paramref name="number"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint Invoke(nint number, nint a1 = 0, nint a2 = 0, nint a3 = 0, nint a4 = 0, nint a5 = 0, nint a6 = 0)
        => s_stub(number, a1, a2, a3, a4, a5, a6);
}
