// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Interop.Linux;

/// <summary>Where one ask to park stands.</summary>
/// <remarks>
/// <code>
///              signal sent            handler's compare-exchange        released, or held too long
///   Free ─────────────────► Asked ─────────────────► Entered ──► Parked ─────────────────► Left
///                             │ controller's compare-exchange
///                             └─────────────────► Abandoned     (a signal that comes later finds no Asked and returns)
/// </code>
/// A slot is used again only from Free, Left or Abandoned, always with a new generation.
/// </remarks>
internal enum ParkingState : uint
{
    Free = 0,
    Asked = 1,
    Entered = 2,
    Parked = 3,
    Left = 4,
    Abandoned = 5,
}

/// <summary>
/// One thread's place in the parking handshake. In pages of ours, written by <see cref="StoppedWorld"/> and by the machine
/// code of the handler (<see cref="MachineCode"/>, Parking), which knows these offsets by number.
/// </summary>
/// <remarks>
/// One cache line each, so that threads that park at the same time do not disturb one another.
/// <code>
///  0 generation           4 state           one 64-bit word, so that a claim compares both at once
///  8 ucontext of the interrupted thread     (its signal frame, on its own stack)
/// 16 fs:0, its thread control block
/// 24 thread id           28 verdict on a thread that did not park (ThreadParkState)
/// 32 when it was asked, nanoseconds of CLOCK_MONOTONIC
/// 40 stack pointer by the kernel's account, of a thread that sleeps
/// 48 unused … 64
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal struct ParkingSlot
{
    /// <summary>Bytes per slot; the handler checks that a pointer it gets is a multiple of it.</summary>
    public const int ByteCount = 64;

    /// <summary>Generation in the low half, state in the high half.</summary>
    [FieldOffset(0)] public long Word;
    [FieldOffset(0)] public uint Generation;
    [FieldOffset(4)] public ParkingState State;
    [FieldOffset(8)] public nuint UserContext;
    [FieldOffset(16)] public nuint ThreadControlBlock;
    [FieldOffset(24)] public int ThreadId;
    [FieldOffset(28)] public ThreadParkState Outcome;
    [FieldOffset(32)] public long AskedNanoseconds;
    [FieldOffset(40)] public nuint StackPointer;
}
