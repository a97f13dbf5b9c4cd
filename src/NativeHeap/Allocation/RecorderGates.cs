// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: whether allocations and frees may take the hook's short way, where machine code can read it.
// Who calls it: AllocationRecorder and FreeGate, whenever a switch of theirs changes.
// The one idea: both words together are 0 only while every block is recorded and frees are passed on as they come.
// Safety: one page of ours that is never given back.
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Two words of native memory: intake, frees. 0 = open. Thread-safe: each is one store.</summary>
internal static unsafe class RecorderGates
{
    private static int* s_gates;

    /// <summary>Where they are; null before <see cref="Initialize"/>, and when the system refused the page.</summary>
    public static int* Address => s_gates;

    /// <summary>Makes them, closed. Idempotent, cold.</summary>
    public static void Initialize()
    {
        if (s_gates == null)
        {
            int* gates = (int*)Platform.Pages.AllocatePrivate(Platform.Pages.PageByteCount);
            if (gates != null)
            {
                gates[0] = gates[1] = 1;
                s_gates = gates;
            }
        }
    }

    /// <summary>Whether every block is recorded.</summary>
    public static void SetIntake(bool isOpen) => Set(0, isOpen);

    /// <summary>Whether frees are passed on, nothing is filled, and no free keeps its whole stack.</summary>
    public static void SetFrees(bool isOpen) => Set(1, isOpen);

    // Order: a switch: who reads it late records, or passes on, one block more, as with the switches themselves.
    private static void Set(int gate, bool isOpen)
    {
        if (s_gates != null)
        {
            Volatile.Write(ref s_gates[gate], isOpen ? 0 : 1);
        }
    }
}
