// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: our metadata for one block as it is stored, and how to read and write it.
// Who calls it: RecordStore packs and unpacks; the frozen world unpacks.
// The one idea: 16 bytes, so that four records share a cache line. The address is not stored: whoever has an index got
// it from the slot of that address.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Records;

/// <summary>One stored record, in native pages of our own; never in front of the block.</summary>
/// <remarks>
/// <code>
/// offset 0   63                                  20 19             0
///            ┌─────────────────────────────────────┬────────────────┐
///            │ ordinal 0–43                        │ site 20        │
///            └─────────────────────────────────────┴────────────────┘
/// offset 8   31   30 29                            0
///            ┌──────┬──────────────────────────────┐
///            │ 44–45│ size 30                      │   size bit 29: bits 0–28 are the index of a size entry
///            └──────┴──────────────────────────────┘
/// offset 12  31          18 17  13 12   8 7    2 1 0
///            ┌─────────────┬──────┬──────┬──────┬───┐
///            │ thread 14   │flags │ api  │ pins │ s │   s = RecordState
///            └─────────────┴──────┴──────┴──────┴───┘
/// ordinal:   birth 27 (ticks of 16 ms) | sequence 19
/// </code>
/// The state word is last because it is the publish word: it becomes Live after everything else is written. An entry
/// that is no record holds, in the same 16 bytes: a fork (four sub-slots, see AddressIndex), a size entry (a block's size
/// in the first 8 bytes), a link of a free list (offset 8), or a place in a queue (offset 0 the epoch, offset 8 the
/// link).
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
[ChildCode]
internal unsafe struct PackedRecord
{
    /// <summary>Size of a record in bytes.</summary>
    public const int ByteCount = 16;

    /// <summary>Bits of a site id.</summary>
    public const int SiteBits = 20;

    /// <summary>Bits of the birth tick.</summary>
    public const int BirthBits = 27;

    /// <summary>The bits of a birth tick.</summary>
    public const uint BirthMask = (1u << BirthBits) - 1;

    /// <summary>Bits of the number within a tick.</summary>
    public const int SequenceBits = 19;

    /// <summary>Bits of an ordinal.</summary>
    public const int OrdinalBits = BirthBits + SequenceBits;

    /// <summary>Bits of the index of an entry.</summary>
    public const int IndexBits = 29;

    /// <summary>Blocks of this size and more keep it in an entry of its own.</summary>
    public const nuint LargeByteCount = 1u << SizeFlagBit;

    // A block born after the clock was read: 256 ticks are four seconds.
    private const uint BirthSlack = 256;

    private const int SizeFlagBit = 29;
    private const int OrdinalLowBits = 64 - SiteBits;
    private const int OrdinalHighShift = SizeFlagBit + 1;
    private const uint SiteMask = (1u << SiteBits) - 1;
    private const uint SizeMask = (1u << OrdinalHighShift) - 1;

    /// <summary>Site and the low bits of the ordinal.</summary>
    [FieldOffset(0)] public ulong SiteAndOrdinal;

    /// <summary>Size (or where it is) and the high bits of the ordinal.</summary>
    [FieldOffset(8)] public uint SizeAndOrdinal;

    /// <summary>The last eight bytes: <see cref="SizeAndOrdinal"/>, and above it <see cref="StateWord"/>.</summary>
    [FieldOffset(8)] public ulong SizeAndState;

    /// <summary>State, pins, API, flags and thread: see <see cref="RecordStateWord"/>.</summary>
    [FieldOffset(12)] public uint StateWord;

    /// <summary>The state now. Not for forks.</summary>
    public readonly RecordState State
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (RecordState)(StateWord & RecordStateWord.StateMask);
    }

    /// <summary>Id of the allocation site.</summary>
    public readonly uint Site
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (uint)SiteAndOrdinal & SiteMask;
    }

    /// <summary>Order of allocation.</summary>
    public readonly ulong Ordinal
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (SiteAndOrdinal >> SiteBits) | ((ulong)(SizeAndOrdinal >> OrdinalHighShift) << OrdinalLowBits);
    }

    /// <summary>Index of the entry that holds the size; 0 = the size is here.</summary>
    public readonly uint SizeEntry
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (SizeAndOrdinal & (uint)LargeByteCount) == 0 ? 0 : SizeAndOrdinal & ((uint)LargeByteCount - 1);
    }

    /// <summary>The bytes asked for. <paramref name="entries"/> is the entry with index 0.</summary>
    // Safety: the size entry lives exactly as long as the record that names it, which the caller holds or froze.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint ReadByteCount(PackedRecord* record, PackedRecord* entries)
    {
        uint size = record->SizeAndOrdinal & SizeMask;
        return size < (uint)LargeByteCount ? size : (nuint)entries[size & ((uint)LargeByteCount - 1)].SiteAndOrdinal;
    }

    /// <summary>The size in a <see cref="SizeAndOrdinal"/>, or <see cref="LargeByteCount"/> and more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint SizeOf(uint sizeAndOrdinal) => sizeAndOrdinal & SizeMask;

    /// <summary>The site in a <see cref="SiteAndOrdinal"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint SiteOf(ulong siteAndOrdinal) => (uint)siteAndOrdinal & SiteMask;

    /// <summary>Writes all of a live record; the state in the last store, together with the size.</summary>
    /// <param name="record">An entry that the caller owns.</param>
    /// <param name="size">A size below <see cref="LargeByteCount"/>.</param>
    /// <param name="site">The site's id.</param>
    /// <param name="ordinal">The ordinal.</param>
    /// <param name="live">The state word (<see cref="RecordStateWord.Live"/>).</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FillLive(PackedRecord* record, uint size, uint site, ulong ordinal, uint live)
    {
        record->SiteAndOrdinal = (ordinal << SiteBits) | site;
        RecordStateWord.Publish(
            ref record->SizeAndState, size | ((uint)(ordinal >> OrdinalLowBits) << OrdinalHighShift), live);
    }

    /// <summary>Writes all but the state word.</summary>
    /// <param name="record">An entry that the caller owns.</param>
    /// <param name="size">A size below <see cref="LargeByteCount"/>, or <see cref="LargeByteCount"/> | size entry.</param>
    /// <param name="site">The site's id.</param>
    /// <param name="ordinal">The ordinal.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fill(PackedRecord* record, uint size, uint site, ulong ordinal)
    {
        record->SiteAndOrdinal = (ordinal << SiteBits) | (site & SiteMask);
        record->SizeAndOrdinal = size | ((uint)(ordinal >> OrdinalLowBits) << OrdinalHighShift);
    }

    /// <summary>The first eight bytes of a record with another site.</summary>
    public static ulong WithSite(ulong siteAndOrdinal, uint site)
        => (siteAndOrdinal & ~(ulong)SiteMask) | (site & SiteMask);

    /// <summary>
    /// A birth tick with the bits that a record has no room for: the latest such tick that is at most a moment after
    /// <paramref name="nowTick"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint FullBirthTick(uint birthTick, uint nowTick)
        => unchecked(nowTick - (((nowTick - birthTick + BirthSlack) & ((1u << BirthBits) - 1)) - BirthSlack));

    /// <summary>Whether <paramref name="a"/> was allocated after <paramref name="b"/>: right across one wrap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsYounger(ulong a, ulong b)
        => unchecked((long)((a - b) << (64 - OrdinalBits))) > 0;
}
