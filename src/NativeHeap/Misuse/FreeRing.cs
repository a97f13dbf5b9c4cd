// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>The last frees of one thread, and the one it is in the middle of.</summary>
/// <remarks>
/// <code>
/// offset  0            8        12          16       24      64                 960                     8128    8192
///         ┌────────────┬────────┬───────────┬────────┬───────┬──────────────────┬───────────┬─────────┬───────┐
///         │ in flight  │ cursor │ thread id │ owner  │ unused│ 448 tags of 2 B  │ entry     │ … 448 … │ unused│
///         └────────────┴────────┴───────────┴────────┴───────┴──────────────────┴───────────┴─────────┴───────┘
/// in flight: bits 0–61 address, 62 the owner found no record, 63 the C heap is at it
///     0 → address → address | in heap → 0                         of a block with a record
///     0 → address → address | no record → (address | in heap) → 0 of one without
/// tag:    16 bits of the address, so that a search reads 896 bytes and not 7 KiB
/// entry:  bits 0–47 address, 48–63 size (65,535 and more: 65,535)
///         bits 64–83 site, 84–102 site of the free, 103–118 birth, 119–123 API, 124–127 unused: site and birth as a record
///         has them in its first eight bytes, the API at a distance from where it is in the second
/// </code>
/// The head has a cache line of its own thread: others read it only when they free what has no record.
/// Only the owner writes. A thread takes over the ring of one that ended, entries and all; 1,023 threads at a time have a
/// ring of their own, more share one, and then entries may be lost.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal unsafe struct FreeRing
{
    /// <summary>Size of a ring: two pages.</summary>
    public const int ByteCount = 8192;

    /// <summary>Frees it remembers.</summary>
    public const int Capacity = 448;

    private const int FirstTag = 64, FirstEntry = FirstTag + (Capacity * sizeof(char));
    private const int AddressBits = 48, SiteBits = PackedRecord.SiteBits, FreeSiteBits = 19, BirthBits = 16, ApiBits = 5;
    private const int FreeSiteShift = SiteBits, BirthShift = FreeSiteShift + FreeSiteBits, ApiShift = BirthShift + BirthBits;
    private const ulong AddressMask = (1UL << AddressBits) - 1, SiteMask = (1UL << SiteBits) - 1;
    private const ulong FreeSiteMask = (1UL << FreeSiteBits) - 1, BirthMask = (1UL << BirthBits) - 1;
    // Where a record's last eight bytes have the API: above the size, and state and pins.
    private const int RecordApiShift = 40;
    private const ulong ApiMask = (1UL << ApiBits) - 1;

    /// <summary>The address the owner is freeing: from before its record goes until the C heap has returned.</summary>
    [FieldOffset(0)] public nuint InFlight;

    /// <summary>The next entry to write.</summary>
    [FieldOffset(8)] public int Cursor;

    /// <summary>The owner's id; 0 in the ring that is shared.</summary>
    [FieldOffset(12)] public int ThreadId;

    /// <summary>The thread control block of the owner, behind which its cache of free chunks is found.</summary>
    [FieldOffset(16)] public nuint Owner;

    /// <summary>The bit of <see cref="InFlight"/> that says that the C heap has been, or is being, given the block.</summary>
    public static nuint InHeap => unchecked((nuint)(1UL << 63));

    /// <summary>The bit that says that the owner found no record, and looks whether others free the same address.</summary>
    public static nuint NoRecord => unchecked((nuint)(1UL << 62));

    /// <summary>Remembers a free.</summary>
    // Safety: the index is checked, and the caller vouches for the ring.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(FreeRing* ring, nuint address, in FreeTicket freed)
    {
        Add(ring, (nuint)(address & AddressMask), Math.Min(freed.ByteCount, ushort.MaxValue),
            (freed.Site & SiteMask) | ((ulong)freed.FreeSite << FreeSiteShift) | ((ulong)freed.Birth << BirthShift)
            | ((ulong)freed.Api << ApiShift));
    }

    /// <summary>As the other, of a block whose record was as most are.</summary>
    /// <param name="ring">The calling thread's ring.</param>
    /// <param name="address">The block; an address that an index of records holds.</param>
    /// <param name="byteCount">Its size; not larger than what is called without a GC transition.</param>
    /// <param name="siteAndOrdinal">The record's first eight bytes.</param>
    /// <param name="sizeAndState">The record's last eight bytes.</param>
    /// <param name="freeSite">The site of the free.</param>
    // Safety: as in the other.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(
        FreeRing* ring, nuint address, uint byteCount, ulong siteAndOrdinal, ulong sizeAndState, ulong freeSite)
        => Add(ring, address, byteCount, (siteAndOrdinal & (SiteMask | (BirthMask << BirthShift))) | (freeSite << FreeSiteShift)
            | ((sizeAndState << (ApiShift - RecordApiShift)) & (ApiMask << ApiShift)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(FreeRing* ring, nuint address, nuint byteCount, ulong facts)
    {
        uint at = (uint)ring->Cursor;
        at = at < Capacity ? at : 0;
        ((char*)((byte*)ring + FirstTag))[at] = TagOf(address);
        ulong* entry = (ulong*)((byte*)ring + FirstEntry) + (2 * at);
        entry[0] = address | ((ulong)byteCount << AddressBits);
        entry[1] = facts;
        ring->Cursor = (int)at + 1;
    }

    /// <summary>Finds the latest entry of an address. Some tens of nanoseconds.</summary>
    // Safety: as in Add; another thread may be writing: an entry read in the middle of that is another block's, and the
    // C heap has the last word.
    public static bool TryFind(FreeRing* ring, nuint address, out FreedBlock found)
    {
        int next = (int)Math.Min((uint)ring->Cursor, (uint)Capacity);
        return TryFind(ring, address, 0, next, out found) || TryFind(ring, address, next, Capacity, out found);
    }

    // Safety: start and end are within the ring.
    private static bool TryFind(FreeRing* ring, nuint address, int start, int end, out FreedBlock found)
    {
        char* tags = (char*)((byte*)ring + FirstTag) + start;
        char tag = TagOf(address);
        int count = end - start;
        while (count > 0 && (count = new ReadOnlySpan<char>(tags, count).LastIndexOf(tag)) >= 0)
        {
            ulong* entry = (ulong*)((byte*)ring + FirstEntry) + (2 * (start + count));
            if ((entry[0] & AddressMask) == address)
            {
                ulong facts = entry[1];
                found = new FreedBlock(address, (nuint)(entry[0] >> AddressBits), (uint)(facts & SiteMask),
                    (uint)((facts >> FreeSiteShift) & FreeSiteMask), (ushort)(facts >> BirthShift),
                    (AllocationApi)((facts >> ApiShift) & ApiMask));
                return true;
            }
        }

        found = default;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static char TagOf(nuint address) => (char)(ushort)(address >> 4);
}

/// <summary>What is still known of a block that was freed.</summary>
/// <param name="Address">Where it started.</param>
/// <param name="ByteCount">Its size; 65,535 may mean more; 0 when not known.</param>
/// <param name="Site">Where it was allocated.</param>
/// <param name="FreeSite">Where it was freed; 0 when that was not kept.</param>
/// <param name="Birth">Low bits of the tick of its birth, which tell the later of two lives of an address.</param>
/// <param name="Api">The API that allocated it.</param>
internal readonly record struct FreedBlock(
    nuint Address, nuint ByteCount, uint Site, uint FreeSite, ushort Birth, AllocationApi Api);
