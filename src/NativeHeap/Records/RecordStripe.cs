// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.NativeHeap.Records;

/// <summary>
/// What one thread number has of the record table: free entries and its share of the counters. Only the thread that
/// bears the number writes it, so nothing here is locked or interlocked; stripe 0, of all threads without a number, has
/// a lock. 128 bytes, so that two stripes never share a cache line nor the pair of lines the prefetcher fetches
/// together.
/// </summary>
/// <remarks>
/// <code>
///   0 lock         4 mode          8 free head    12 free count
///  16 spare head  20 bump next    24 bump end     28 forks
///  32 last ordinal                40 allocated    48 allocated bytes
///  56 freed       64 freed bytes  72 replaced     80 unknown frees
///  88 dropped     96 queue       104 … 127 unused
/// </code>
/// </remarks>
// Safety: the queue lies in the store's own pages, as the stripe does.
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal unsafe struct RecordStripe
{
    /// <summary>Size of a stripe in bytes.</summary>
    public const int ByteCount = 128;

    /// <summary><see cref="Mode"/> of a stripe that nobody used yet.</summary>
    public const int Fresh = 0;

    /// <summary><see cref="Mode"/> of a stripe with one writer.</summary>
    public const int Owned = 1;

    /// <summary><see cref="Mode"/> of the stripe that is used under its lock.</summary>
    public const int Shared = 2;

    /// <summary>The spin lock of stripe 0.</summary>
    [FieldOffset(0)] public int Lock;

    /// <summary><see cref="Fresh"/>, <see cref="Owned"/> or <see cref="Shared"/>.</summary>
    [FieldOffset(4)] public int Mode;

    /// <summary>First free entry, 0 = none; the next one's index is in its <see cref="PackedRecord.SizeAndOrdinal"/>.</summary>
    [FieldOffset(8)] public uint FreeHead;

    /// <summary>Entries in that list.</summary>
    [FieldOffset(12)] public uint FreeCount;

    /// <summary>A full batch of free entries put aside, 0 = none.</summary>
    [FieldOffset(16)] public uint SpareHead;

    /// <summary>Next never-used entry.</summary>
    [FieldOffset(20)] public uint BumpNext;

    /// <summary>End of the never-used entries.</summary>
    [FieldOffset(24)] public uint BumpEnd;

    /// <summary>Entries that this thread turned into forks.</summary>
    [FieldOffset(28)] public uint Forks;

    /// <summary>The ordinal of the last allocation: its tick, and its number within it.</summary>
    [FieldOffset(32)] public ulong LastOrdinal;

    /// <summary>Blocks recorded.</summary>
    [FieldOffset(40)] public long Allocated;

    /// <summary>Their bytes.</summary>
    [FieldOffset(48)] public long AllocatedBytes;

    /// <summary>Records removed.</summary>
    [FieldOffset(56)] public long Freed;

    /// <summary>Their bytes.</summary>
    [FieldOffset(64)] public long FreedBytes;

    /// <summary>Records found stale: their block had been freed behind our back.</summary>
    [FieldOffset(72)] public long Replaced;

    /// <summary>Frees of addresses without a record.</summary>
    [FieldOffset(80)] public long UnknownFrees;

    /// <summary>Blocks not recorded for want of metadata memory.</summary>
    [FieldOffset(88)] public long Dropped;

    /// <summary>The queue for records that readers hold back; set before the stripe is used.</summary>
    [FieldOffset(96)] public RecordQueue* Queue;
}
