// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>
/// Marks stretches in which the calling thread works for the detector: what it allocates then is not recorded, and a
/// recorder called from inside a recorder does nothing. Frees are always processed.
/// </summary>
internal static class DetectorThread
{
    /// <summary>The bits of ThreadState.Scope that count scopes.</summary>
    public const int DepthMask = 0xFFFF;

    /// <summary>Whether the calling thread is inside at least one scope.</summary>
    public static bool IsInside
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (ThreadState.Scope & DepthMask) != 0;
    }

    /// <summary>Whether the calling thread is in no scope at all, neither here nor in LeakScope.</summary>
    public static bool IsPlain
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ThreadState.Scope == 0;
    }

    /// <summary>
    /// Enters a scope: <c>using DetectorThread.Scope scope = DetectorThread.Enter();</c>. Nesting is fine.
    /// </summary>
    public static Scope Enter()
    {
        ThreadState.Scope++;
        return new Scope(entered: true);
    }

    /// <summary>Ends with Dispose, on the thread that entered it (a ref struct cannot leave it).</summary>
    internal ref struct Scope
    {
        private bool _entered;

        internal Scope(bool entered) => _entered = entered;

        /// <summary>Leaves the scope. Twice is harmless.</summary>
        public void Dispose()
        {
            if (_entered)
            {
                _entered = false;
                ThreadState.Scope--;
            }
        }
    }
}
