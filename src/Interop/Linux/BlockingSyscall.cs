// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <summary>
/// The same stub as <see cref="RawSyscall"/>, called as native code: the thread is in preemptive mode meanwhile, so a call
/// that waits delays no garbage collection. For the living process only; never parked, never in the child.
/// </summary>
internal static unsafe class BlockingSyscall
{
    /// <summary>Invokes a system call that may wait, again when a signal interrupts it. Negative results are −errno.</summary>
    public static nint Invoke(nint number, nint a1 = 0, nint a2 = 0, nint a3 = 0, nint a4 = 0, nint a5 = 0, nint a6 = 0)
    {
        nint result;
        do
        {
            result = InvokeOnce(number, a1, a2, a3, a4, a5, a6);
        }
        while (result == -ErrorNumber.EINTR);
        return result;
    }

    /// <summary>The same, but −EINTR is a result: for waits with a limit, which would start anew.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint InvokeOnce(nint number, nint a1 = 0, nint a2 = 0, nint a3 = 0, nint a4 = 0, nint a5 = 0, nint a6 = 0)
    {
        // Safety: the stub follows the System V convention and changes no register that a callee must keep.
        var stub = (delegate* unmanaged[Cdecl]<nint, nint, nint, nint, nint, nint, nint, nint>)MachineCode.Syscall;
        return stub(number, a1, a2, a3, a4, a5, a6);
    }
}
