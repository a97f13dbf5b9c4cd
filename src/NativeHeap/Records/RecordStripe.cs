// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.NativeHeap.Records;

/// <summary>
/// One stripe: a lock, the records it owns that are free or wait to become free, and its share of the counters.
/// 128 bytes, so that two stripes never share a cache line nor the pair of lines the prefetcher fetches together.
/// </summary>
/// <remarks>
/// <code>
///   0 lock         4 free head      8 bump next    12 bump end
///  16 retired head 20 retired tail  24 retired      28 since drain
///  32 ordinal next 36 ordinal end
///  40 allocated    48 allocated bytes              56 freed   64 freed bytes
///  72 replaced     80 unknown frees 88 dropped      96 … 127 unused
/// </code>
/// Everything but <see cref="Replaced"/>, <see cref="UnknownFrees"/> and <see cref="Dropped"/> is written under the
/// lock.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal struct RecordStripe
{
    /// <summary>Size of a stripe in bytes.</summary>
    public const int ByteCount = 128;

    /// <summary>The spin lock.</summary>
    [FieldOffset(0)] public int Lock;

    /// <summary>First free record, 0 = none; the next one's index is in its <see cref="BlockRecord.Site"/>.</summary>
    [FieldOffset(4)] public uint FreeHead;

    /// <summary>Next never-used record of the current slab.</summary>
    [FieldOffset(8)] public uint BumpNext;

    /// <summary>End of the current slab.</summary>
    [FieldOffset(12)] public uint BumpEnd;

    /// <summary>Oldest retired record, 0 = none.</summary>
    [FieldOffset(16)] public uint RetiredHead;

    /// <summary>Youngest retired record.</summary>
    [FieldOffset(20)] public uint RetiredTail;

    /// <summary>Records in the retired queue: garbage that a reader holds back.</summary>
    [FieldOffset(24)] public uint Retired;

    /// <summary>Records retired since the last attempt to drain the queue.</summary>
    [FieldOffset(28)] public uint SinceDrain;

    /// <summary>Next allocation ordinal of this stripe's batch.</summary>
    [FieldOffset(32)] public uint OrdinalNext;

    /// <summary>End of the batch.</summary>
    [FieldOffset(36)] public uint OrdinalEnd;

    /// <summary>Blocks recorded by threads at home here.</summary>
    [FieldOffset(40)] public long Allocated;

    /// <summary>Their bytes.</summary>
    [FieldOffset(48)] public long AllocatedBytes;

    /// <summary>Blocks whose record is owned here and was removed.</summary>
    [FieldOffset(56)] public long Freed;

    /// <summary>Their bytes.</summary>
    [FieldOffset(64)] public long FreedBytes;

    /// <summary>Records found stale: their block had been freed behind our back. Interlocked.</summary>
    [FieldOffset(72)] public long Replaced;

    /// <summary>Frees of addresses without a record. Interlocked.</summary>
    [FieldOffset(80)] public long UnknownFrees;

    /// <summary>Blocks not recorded for want of metadata memory. Interlocked.</summary>
    [FieldOffset(88)] public long Dropped;
}
