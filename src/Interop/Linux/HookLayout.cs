// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: where the fields are that the hook's machine code reads and writes.
// Who calls it: MachineCode.HookMalloc and MachineCode.HookFree name their offsets by it; HookContext is laid out by it.
// The one idea: the structures belong to projects that this one does not know; HookLayoutTests holds the numbers to them.
namespace NativeLeak.Interop.Linux;

/// <summary>Offsets in bytes, and the limits that the machine code compares with.</summary>
internal static class HookLayout
{
    // HookContext: what is the same for all threads.
    public const byte Gates = 0;
    public const byte Malloc = 8;
    public const byte Free = 16;
    public const byte Clock = 24;
    public const byte FrameVersion = 32;
    public const byte Directory = 40;
    public const byte Leaves = 48;
    public const byte Tallies = 56;
    public const byte Entries = 64;
    public const byte Readers = 72;
    public const byte Pairs = 80;
    public const byte ClockWords = 88;

    // ThreadBlock.
    public const byte ThreadScope = 0;
    public const byte ThreadLive = 4;
    public const byte ThreadStackEnd = 8;
    public const byte ThreadStripe = 16;
    public const byte ThreadRing = 24;
    public const byte ThreadMemo = 32;
    public const byte ThreadClock = 40;
    public const byte ThreadClockNanoseconds = 48;
    public const byte ThreadClockTick = 56;
    public const byte ThreadPlaces = 64;

    // WalkMemo.
    public const byte MemoFrame = 0;
    public const byte MemoReturn = 8;
    public const byte MemoStack = 16;
    public const byte MemoStackEnd = 24;
    public const byte MemoVersion = 32;
    public const byte MemoSite = 36;
    public const byte MemoLinks = 40;
    public const byte MemoWords = 42;
    public const byte MemoWalks = 44;
    public const byte MemoFirst = 128;
    public const int MemoByteCount = 2240;

    // RecordStripe.
    public const byte StripeFreeHead = 8;
    public const byte StripeFreeCount = 12;
    public const byte StripeLastOrdinal = 32;
    public const byte StripeAllocated = 40;
    public const byte StripeAllocatedBytes = 48;
    public const byte StripeFreed = 56;
    public const byte StripeFreedBytes = 64;
    public const byte StripeQueue = 96;

    // Numbers that stand in the code: CHeap.QuickByteCount, RecordSlabs.BatchCount, FreeRing.Capacity, the entries of a ring.
    public const int QuickByteCount = 32768, BatchCount = 64, RingCapacity = 448, RingFirstTag = 64, RingFirstEntry = 960;
    public const int SecondSlot = 0x800000, ClockMonotonicCoarse = 6, TallyShift = 8, TouchedTally = 128;
}
