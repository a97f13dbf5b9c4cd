// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the list has Capacity entries; memory is given back only from here, once.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Marking;

/// <summary>
/// What a scan in the living process took from <see cref="ChildArena"/>: none of it may be a root (the index holds every
/// block's address), and all of it is given back at the end, which in a copy nobody has to do.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct ArenaLedger
{
    /// <summary>Pieces there is room for; a scan takes some forty.</summary>
    public const int Capacity = 256;

    /// <summary>The scan whose list of own memory learns of each piece.</summary>
    public ScanContext* Scan;
    public MemoryRange* Items;
    public int Count;

    /// <summary>Address space that may still be taken: where it is limited, the application needs some too.</summary>
    public long BytesLeft;

    /// <summary>Writes a piece down; false without room.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool TryAdd(ArenaLedger* ledger, nuint start, nuint byteCount)
    {
        ScanContext* scan = ledger->Scan;
        if (ledger->Count == Capacity || scan->OwnCount >= OwnMemory.Capacity || (long)byteCount > ledger->BytesLeft)
        {
            return false;
        }

        ledger->BytesLeft -= (long)byteCount;
        ledger->Items[ledger->Count++] = new MemoryRange(start, start + byteCount);
        scan->OwnRanges[scan->OwnCount++] = new MemoryRange(start, start + byteCount);
        return true;
    }

    /// <summary>Forgets a piece that is given back already.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Remove(ArenaLedger* ledger, nuint start)
    {
        for (int i = 0; i < ledger->Count; i++)
        {
            if (ledger->Items[i].Start == start)
            {
                ledger->BytesLeft += (long)(ledger->Items[i].End - start);
                ledger->Items[i] = ledger->Items[--ledger->Count];
                return;
            }
        }
    }

    /// <summary>Gives everything back.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void ReleaseAll(ArenaLedger* ledger)
    {
        while (ledger->Count > 0)
        {
            MemoryRange piece = ledger->Items[--ledger->Count];
            ledger->BytesLeft += (long)(piece.End - piece.Start);
            RawSyscall.Invoke(SyscallNumber.Munmap, (nint)piece.Start, (nint)(piece.End - piece.Start));
        }
    }
}
