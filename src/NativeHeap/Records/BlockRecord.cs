// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Records;

/// <summary>
/// What is known of one block, as a value. What is stored is <see cref="PackedRecord"/>; the address comes from the
/// place in the index that led to it.
/// </summary>
internal struct BlockRecord
{
    /// <summary>Start of the block, as the C heap returned it.</summary>
    public nuint Address;

    /// <summary>The bytes asked for.</summary>
    public nuint BlockByteCount;

    /// <summary>
    /// Grows in the order of allocation: birth tick · 2¹⁹ + sequence in that tick. Exact within a thread; two threads'
    /// allocations of one tick may bear the same number.
    /// </summary>
    public ulong Ordinal;

    /// <summary>Id of the allocation site (SiteDepot); 0 = unknown.</summary>
    public uint Site;

    /// <summary>Number of the thread that allocated (ThreadNumbers).</summary>
    public ushort ThreadNumber;

    /// <summary>The API the block came from, as far as it is known when it was recorded.</summary>
    public AllocationApi Api;

    /// <summary>Flags of the block.</summary>
    public BlockFlags Flags;

    /// <summary>
    /// When it was allocated, in units of 16 ms since the recorder started, modulo 2²⁷ (25 days): see <see
    /// cref="PackedRecord.FullBirthTick"/>.
    /// </summary>
    public readonly uint BirthTick => (uint)(Ordinal >> PackedRecord.SequenceBits);
}
