// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: which scopes of LeakScope's the calling thread is in, as the recorder asks it.
// Who calls it: AllocationRecorder once a thread is known to be in some scope; LeakScope changes it.
// The one idea: a scope that flows with async is an AsyncLocal, which is too slow to be read in an allocation: its
// value-changed callback keeps bits beside the depth of the detector's own scopes, which an allocation reads anyhow.
using NativeLeak.NativeHeap.Allocation;
using ThreadState = NativeLeak.NativeHeap.Allocation.ThreadState;

namespace NativeLeak.NativeHeap.Annotations;

/// <summary>The calling thread's scopes. No GC memory: thread statics of primitive types.</summary>
internal static class ScopeState
{
    private const int FlowingDisabledBit = DetectorThread.DepthMask + 1;
    private const int FlowingCheckBit = FlowingDisabledBit << 1;
    private const int OneOnThread = FlowingCheckBit << 1;
    private const int FlowingMask = FlowingDisabledBit | FlowingCheckBit;

    // Room for 4,095 nested scopes; one more is counted as the last.
    private const int OnThreadMask = 0x3FFC0000;

    /// <summary>Whether blocks that the thread allocates now are to be ignored.</summary>
    public static bool IsDisabled => (ThreadState.Scope & (FlowingDisabledBit | OnThreadMask)) != 0;

    /// <summary>Enters a disabled scope of the thread. False when there are too many.</summary>
    public static bool EnterOnThread()
    {
        if ((ThreadState.Scope & OnThreadMask) == OnThreadMask)
        {
            return false;
        }

        ThreadState.Scope += OneOnThread;
        return true;
    }

    /// <summary>Leaves one; nothing happens when there is none.</summary>
    public static void LeaveOnThread()
    {
        if ((ThreadState.Scope & OnThreadMask) != 0)
        {
            ThreadState.Scope -= OneOnThread;
        }
    }

    /// <summary>What flows with the execution context is now this.</summary>
    public static void SetFlowing(bool isDisabled, uint check)
    {
        ThreadState.Scope = (ThreadState.Scope & ~FlowingMask)
            | (isDisabled ? FlowingDisabledBit : 0) | (check != 0 ? FlowingCheckBit : 0);
        ThreadState.Check = check;
    }
}
