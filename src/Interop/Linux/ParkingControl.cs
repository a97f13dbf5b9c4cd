// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Interop.Linux;

/// <summary>
/// What the parking handler consults: one per process, at a fixed address that is written into the handler's code, alive
/// as long as the process. The offsets are known by number in <see cref="MachineCode"/> (Parking).
/// </summary>
/// <remarks>
/// <code>
///  0 release word: equal to a slot's generation while its thread must stay   (futex: parked threads wait here)
///  4 acknowledged: threads parked since the zone began                       (futex: the controller waits here)
///  8 overran: threads that left because the hold limit passed
/// 12 wake at: the acknowledgement that wakes the controller; the others save the system call
/// 16 hold limit, struct timespec: seconds     24 nanoseconds
/// 32 slot table: first byte                   40 bytes
/// 48 our process id                           52 unused
/// 56 signal mask with every bit set
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct ParkingControl
{
    [FieldOffset(0)] public uint Release;
    [FieldOffset(4)] public int Acknowledged;
    [FieldOffset(8)] public int Overran;
    [FieldOffset(12)] public int WakeAt;
    [FieldOffset(16)] public long HoldSeconds;
    [FieldOffset(24)] public long HoldNanoseconds;
    [FieldOffset(32)] public nuint SlotTable;
    [FieldOffset(40)] public nuint SlotTableByteCount;
    [FieldOffset(48)] public int ProcessId;
    [FieldOffset(56)] public ulong AllSignals;
}
