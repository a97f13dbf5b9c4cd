// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>What <see cref="FreeGate"/> found out about a free, carried across the C heap's own.</summary>
// Safety: the ring lies in pages that are never given back.
internal unsafe struct FreeTicket
{
    /// <summary>The block's size, or <see cref="nuint.MaxValue"/> when it has no record.</summary>
    public nuint ByteCount;

    /// <summary>The calling thread's ring, in which the address stands as in flight; null before recording.</summary>
    public FreeRing* Ring;

    /// <summary>The allocation site; meaningless without a record.</summary>
    public uint Site;

    /// <summary>The site of the free; 0 when not known.</summary>
    public uint FreeSite;

    /// <summary>Low bits of the tick of its birth.</summary>
    public ushort Birth;

    /// <summary>The API that allocated.</summary>
    public AllocationApi Api;

    /// <summary>Whether the block had a record, and this free took it out.</summary>
    public bool HasRecord;

    /// <summary>The free was a mistake and must not reach the C heap.</summary>
    public bool IsWithheld;
}
