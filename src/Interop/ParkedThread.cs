// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Interop;

/// <summary>How one thread of the process stood when the snapshot was taken.</summary>
internal enum ThreadParkState
{
    /// <summary>Asked, no answer (yet): its registers are unknown, its whole stack mapping counts as live.</summary>
    Late = 0,

    /// <summary>Parked in our handler; registers and stack pointer are exact.</summary>
    Parked = 1,

    /// <summary>It ended while it was being asked.</summary>
    Gone = 2,

    /// <summary>It blocks the parking signal (around vfork/exec); its stack counts whole, its registers are unknown.</summary>
    Blocking = 3,

    /// <summary>The controller itself: the dedicated scanner thread, which holds no pointer of the application.</summary>
    Controller = 4,

    /// <summary>
    /// It blocks the signal and sleeps in the kernel, without a time limit, until a parked thread wakes it. That is how a
    /// thread stands that the runtime suspended for a collection: inside the runtime's own handler of the signal, with its
    /// registers in that handler's frame, on its stack. The stack pointer is exact, so nothing of it is missed. It is 0 for a
    /// worker that the kernel keeps in our process (io_uring), which has neither stack nor registers.
    /// </summary>
    Asleep = 5,
}

/// <summary>One thread in a snapshot. Blittable, in memory shared with the child.</summary>
/// <remarks>
/// <code>
///  0 thread id            4 state (ThreadParkState)
///  8 stack pointer: of the interrupted code when Parked (the 128 bytes below it, the red zone, are live too), by the
///    kernel's account when Asleep; 0 otherwise
/// 16 thread control block (fs:0), 0 when unknown
/// 24 general registers    start … 32 end (inside the kernel's signal frame)
/// 40 vector registers     start … 48 end (the xsave area; empty when the kernel saved none)
/// 56 reserved
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct ParkedThread
{
    [FieldOffset(0)] public int ThreadId;
    [FieldOffset(4)] public ThreadParkState State;
    [FieldOffset(8)] public nuint StackPointer;
    [FieldOffset(16)] public nuint ThreadControlBlock;
    [FieldOffset(24)] public MemoryRange Registers;
    [FieldOffset(40)] public MemoryRange VectorRegisters;
}
