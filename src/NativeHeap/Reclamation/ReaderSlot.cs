// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.NativeHeap.Reclamation;

/// <summary>
/// One announced reader. 128 bytes: two readers never share a cache line, nor the pair of lines that is fetched together.
/// </summary>
/// <remarks>
/// <code>
///   0 announcement   0 = free; else epoch · 2 + 1 if revoked       the only word that other threads decide by
///   8 owner          reader's identity · 2³² + native thread id    0 = free, or claimed a moment ago
///  16 depth          guards of this thread, nested                 written by the owner only
///  20 thread number  24 tick at which the outermost guard began    for diagnostics
///  28 … 127 unused
/// </code>
/// A slot is claimed by the outermost guard of a thread (compare-exchange of the announcement) and given back by the last
/// one to go: first the owner, then the announcement. So a slot that names an owner is that owner's.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal struct ReaderSlot
{
    /// <summary>Size of a slot in bytes.</summary>
    public const int ByteCount = 128;

    /// <summary>Bit of the announcement: reclamation no longer waits for this reader.</summary>
    public const ulong RevokedBit = 1;

    /// <summary>0 = free; else what <see cref="Announce"/> made, perhaps revoked.</summary>
    [FieldOffset(0)] public ulong Announcement;

    /// <summary><see cref="ReaderThread.Owner"/> of the reader.</summary>
    [FieldOffset(8)] public ulong Owner;

    /// <summary>Guards alive in this slot.</summary>
    [FieldOffset(16)] public int Depth;

    /// <summary>Number of the reader's thread.</summary>
    [FieldOffset(20)] public ushort ThreadNumber;

    /// <summary>When the outermost guard began.</summary>
    [FieldOffset(24)] public uint EnteredTick;

    /// <summary>The announcement of a reader that enters in <paramref name="epoch"/>.</summary>
    public static ulong Announce(ulong epoch) => epoch << 1;

    /// <summary>The epoch of an announcement.</summary>
    public static ulong EpochOf(ulong announcement) => announcement >> 1;
}
