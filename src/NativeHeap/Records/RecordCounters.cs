// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Records;

/// <summary>
/// Sums over all stripes. Exact when no thread allocates; else each figure is at most a few operations old.
/// </summary>
/// <param name="Allocated">Blocks recorded since the start.</param>
/// <param name="AllocatedBytes">Their bytes, as asked for.</param>
/// <param name="Freed">Blocks whose record was removed, stale ones included.</param>
/// <param name="LiveBlocks">Allocated − Freed.</param>
/// <param name="LiveBytes">Bytes of the live blocks.</param>
/// <param name="UnknownFrees">Frees of addresses we have no record of: allocated before the start, or by native
/// code.</param>
/// <param name="Replaced">Records whose block native code had freed, found when the C heap handed out the address
/// again.</param>
/// <param name="Dropped">Blocks not recorded because metadata memory ran out or the address was out of range.</param>
/// <param name="Garbage">Retired records that a reader holds back from reuse.</param>
/// <param name="MetadataByteCount">Bytes of metadata in use (records carved and index pages touched).</param>
/// <param name="IsFull">Whether metadata memory ran out: no new block is recorded any more.</param>
internal readonly record struct RecordCounters(
    long Allocated,
    long AllocatedBytes,
    long Freed,
    long LiveBlocks,
    long LiveBytes,
    long UnknownFrees,
    long Replaced,
    long Dropped,
    long Garbage,
    nuint MetadataByteCount,
    bool IsFull);
