// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Interop.Linux;

/// <summary>
/// Everything the stopped world needs, gathered before it stops. One per process, in private pages of ours; the child
/// reads its frozen copy. Filled by <see cref="SnapshotMachinery"/> and <see cref="SnapshotEngine"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ZoneState
{
    // ---- fixed for the life of the process
    public ParkingControl* Control;
    public ParkingSlot* Slots;
    public int SlotCapacity;
    public int Signal;
    public int* SlotByThreadId;             // open addressing: slot index + 1, 0 = empty
    public uint SlotByThreadIdMask;
    public int UnresponsiveCapacity;
    public int* Unresponsive;               // thread ids that did not park last time
    public SnapshotView* View;              // shared with the child
    public ParkedThread* Threads;           // shared with the child; one more than slots, for the controller
    public byte* DirectoryEntries;
    public nint DirectoryEntriesByteCount;
    public byte* StatusWork;
    public SignalInformation* SignalInformation;
    public int* PidDescriptor;
    public byte* ChildName;
    public byte* OutOfMemoryScorePath;
    public byte* OutOfMemoryScore;
    public byte* MemoryFilePath;
    public delegate*<nint> StackPointer;    // machine code, called without a transition
    public delegate*<nuint> ThreadControlBlock;

    // ---- set for one attempt, before the zone
    public SnapshotRequest Request;
    public int ProcessId;
    public int ControllerThreadId;
    public nint TaskDirectory;
    public int GroupLimit;                  // threads held at a time; 0 = all, together
    public ulong SavedSignals;

    // ---- written in the zone
    public uint Generation;
    public int SlotCount;
    public int GroupFirst;                  // the slots from here on are those of the group that is held now
    public int Asked;
    public int Dismissed;
    public int Unlisted;
    public int Gone;
    public int Uncovered;
    public int UnresponsiveCount;
    public int CensusErrorNumber;
    public int Overran;
    public nint CloneResult;
    public long StartNanoseconds;
    public long ParkedNanoseconds;
    public long CloneStartNanoseconds;
    public long ClonedNanoseconds;
    public long ReleasedNanoseconds;
}
