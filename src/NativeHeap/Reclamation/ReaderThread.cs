// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: who the calling thread is to epoch domains, and which slot it holds.
// Who calls it: EpochDomain, on every guard.
// The one idea: the kernel gives thread ids away again, so a reader's name is its id and a number that is used once.
using System.Runtime.CompilerServices;
using NativeLeak.Interop.Linux;

namespace NativeLeak.NativeHeap.Reclamation;

/// <summary>Per-thread words of readers; only primitive values, which need no GC memory when a thread meets them.</summary>
internal static class ReaderThread
{
    [ThreadStatic]
    private static ulong t_owner;

    [ThreadStatic]
    private static ulong t_held;

    private static int s_lastIdentity;

    /// <summary>The thread's identity (from 1, used once in a process) · 2³² + its native id.</summary>
    public static ulong Owner
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => t_owner != 0 ? t_owner : Introduce();
    }

    /// <summary>Number of a domain · 2³² + the slot the thread held there last; whether it still does, the slot tells.</summary>
    public static ref ulong Held => ref t_held;

    /// <summary>The native thread id in an owner word.</summary>
    public static int ThreadIdOf(ulong owner) => (int)(uint)owner;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Introduce()
    {
        // Order: each identity is given to one thread.
        ulong identity = (uint)Interlocked.Increment(ref s_lastIdentity);
        t_owner = (identity << 32) | (uint)RawSyscall.Invoke(SyscallNumber.Gettid);
        return t_owner;
    }
}
