// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>
/// What the recorder keeps per thread. All in one type, so that one access to thread-local storage serves all; only
/// primitive values, which need no GC memory when a thread meets them first.
/// </summary>
internal static class ThreadState
{
    /// <summary>
    /// Depth of <see cref="DetectorThread"/> scopes in the low half; above, whether the thread is in a scope of
    /// LeakScope's (<see cref="Annotations.ScopeState"/>). One word, so that an allocation asks once.
    /// </summary>
    public static int Scope
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => t_scope;

        // Safety: a block is the calling thread's own and never given back.
        set
        {
            t_scope = value;
            unsafe
            {
                ThreadBlock* block = (ThreadBlock*)Block;
                if (block != null)
                {
                    block->Scope = value;
                }
            }
        }
    }

    /// <summary>The thread's <see cref="ThreadBlock"/> (<see cref="ThreadBlocks"/>); 0 = none yet.</summary>
    [ThreadStatic]
    public static nuint Block;

    /// <summary>The innermost check the thread works in (<see cref="Annotations.CheckScopes"/>); 0 = none.</summary>
    [ThreadStatic]
    public static uint Check;

    /// <summary>Number of the thread (<see cref="ThreadNumbers"/>); 0 = none yet.</summary>
    [ThreadStatic]
    public static ushort Number;

    /// <summary>End of the thread's stack (<see cref="StackWalker"/>); 0 = not known yet.</summary>
    [ThreadStatic]
    public static nuint StackEnd;

    /// <summary>Bytes until the thread's next sample (<see cref="AllocationSampler"/>); 0 = never drawn.</summary>
    [ThreadStatic]
    public static long SampleDistance;

    /// <summary>State of the thread's random numbers; 0 = never drawn.</summary>
    [ThreadStatic]
    public static ulong SampleState;

    /// <summary>The thread's ring of recent frees (RecentFrees); 0 = none yet.</summary>
    [ThreadStatic]
    public static nuint FreeRing;

    [ThreadStatic]
    private static int t_scope;
}
