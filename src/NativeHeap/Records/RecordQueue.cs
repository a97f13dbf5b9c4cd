// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.NativeHeap.Records;

/// <summary>
/// Retired records that a reader may still hold, oldest first. 128 bytes, for the reason given at <see
/// cref="RecordStripe"/>. Used only while readers are about.
/// </summary>
/// <remarks>
/// <code>
///   0 lock    4 head    8 tail    12 since drain    16 count    24 … 127 unused
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal struct RecordQueue
{
    /// <summary>Size of a queue in bytes.</summary>
    public const int ByteCount = 128;

    /// <summary>The spin lock; it protects everything here and the links and epochs of the entries in the queue.</summary>
    [FieldOffset(0)] public int Lock;

    /// <summary>Oldest retired entry, 0 = none.</summary>
    [FieldOffset(4)] public uint Head;

    /// <summary>Youngest retired entry.</summary>
    [FieldOffset(8)] public uint Tail;

    /// <summary>Entries queued since the last attempt to drain.</summary>
    [FieldOffset(12)] public uint SinceDrain;

    /// <summary>Entries in the queue.</summary>
    [FieldOffset(16)] public long Count;
}
