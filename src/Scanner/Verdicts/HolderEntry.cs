// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.Verdicts;

/// <summary>What last held a block, and in which scan that was seen: one entry per record, in pages that the process
/// shares with its copies. 16 bytes.</summary>
/// <remarks>
/// <code>
/// offset 0   what depends on the kind:
///            Object          MethodTable / 8 (44 bits) | offset / 4 (20 bits, the largest means that or more)
///            Block           site (20 bits) | offset (44 bits)
///            Stack, Register thread id (24 bits) | offset, or number of the register (40 bits)
///            others          address of the word
/// offset 8   low half of the block's ordinal: an entry of another block that had the record before is no entry
/// offset 12  kind 4 | scans until it was missed 4 (0 = not missed, 15 = 15 or more) | number of the scan 24
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
[ChildCode]
internal struct HolderEntry
{
    /// <summary>Size in bytes.</summary>
    public const int ByteCount = 16;

    private const int ScanBits = 24, GapBits = 4, OffsetBits = 20, BlockOffsetBits = 44, ThreadOffsetBits = 40;
    private const uint ScanMask = (1u << ScanBits) - 1, LargestGap = (1u << GapBits) - 1;
    private const ulong LargestOffset = (1ul << OffsetBits) - 1;

    [FieldOffset(0)] public ulong Place;
    [FieldOffset(8)] public uint Tag;
    [FieldOffset(12)] public uint Seen;

    /// <summary>What kind of place it was.</summary>
    public readonly HolderKind Kind => (HolderKind)(Seen >> (ScanBits + GapBits));

    /// <summary>The scan that saw it last.</summary>
    public readonly int Scan => (int)(Seen & ScanMask);

    /// <summary>The first scan after that, which missed it; 0 = none has yet, or that was too long after to be told.</summary>
    public readonly int MissedBy
    {
        get
        {
            uint gap = (Seen >> ScanBits) & LargestGap;
            return gap is 0 or LargestGap ? 0 : (int)(Scan + gap);
        }
    }

    /// <summary>The entry of a holder that scan number <paramref name="scan"/> saw.</summary>
    [MethodImpl(ChildCode.Options)]
    public static HolderEntry Pack(in HolderInfo info, ulong ordinal, int scan)
    {
        ulong offset = (ulong)info.Offset;
        HolderEntry entry;
        entry.Place = info.Kind switch
        {
            HolderKind.Object => ((ulong)(info.Container >> 3) << OffsetBits) | (offset >> 2 < LargestOffset ? offset >> 2 : LargestOffset),
            HolderKind.Block => ((ulong)info.Site << BlockOffsetBits) | (offset & ((1ul << BlockOffsetBits) - 1)),
            HolderKind.Stack or HolderKind.Register
                => ((ulong)(uint)info.ThreadId << ThreadOffsetBits) | (offset & ((1ul << ThreadOffsetBits) - 1)),
            _ => info.Address,
        };
        entry.Tag = (uint)ordinal;
        entry.Seen = ((uint)info.Kind << (ScanBits + GapBits)) | ((uint)scan & ScanMask);
        return entry;
    }

    /// <summary>Notes the first scan that does not find the block held.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Miss(ref HolderEntry entry, int scan)
    {
        if (((entry.Seen >> ScanBits) & LargestGap) == 0)
        {
            uint gap = (uint)scan - (entry.Seen & ScanMask);
            entry.Seen |= (gap < LargestGap ? gap : LargestGap) << ScanBits;
        }
    }

    /// <summary>The holder again, as far as the entry has it. The address of a slot or field is not kept.</summary>
    public readonly HolderInfo Unpack()
    {
        HolderInfo info = new() { Kind = Kind };
        switch (Kind)
        {
            case HolderKind.Object:
                info.Container = (nuint)(Place >> OffsetBits) << 3;
                info.Offset = (long)(Place & LargestOffset) << 2;
                break;
            case HolderKind.Block:
                info.Site = (uint)(Place >> BlockOffsetBits);
                info.Offset = (long)(Place & ((1ul << BlockOffsetBits) - 1));
                break;
            case HolderKind.Stack or HolderKind.Register:
                info.ThreadId = (int)(Place >> ThreadOffsetBits);
                info.Offset = (long)(Place << (64 - ThreadOffsetBits)) >> (64 - ThreadOffsetBits);
                break;
            default:
                info.Address = (nuint)Place;
                break;
        }

        return info;
    }
}
