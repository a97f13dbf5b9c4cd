// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: sub-allocators: memory that is allocated in one piece and handed out in many.
// Who calls it: applications with allocators of their own.
// The one idea: the large block stops being a block while the pool has it; its pieces are recorded as blocks, and what
// lies between them is read by no scan.
// Safety: pointers are made numbers here, and kept in native memory of ours only.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak;

/// <summary>Tells the leak detector about an allocator of the application's own, so that its pieces are judged one by
/// one.</summary>
/// <remarks>
/// <para>The pool allocates nothing: the application's allocator does, and calls these members beside. While a pool has a
/// superblock, scans read no more of it than its live pieces, and those only when something points to them: pointers in free
/// pieces, free lists and headers keep nothing alive. What the headers hold for good is named with
/// LeakDetector.RegisterRoot. A superblock that was a recorded block is none until the pool is destroyed; it may also be
/// freed right away, and its pieces with it.</para>
/// <para>Every member answers <see langword="false"/> where there is nothing to do, and none throws for that; without a
/// detector all of them do nothing. Thread safety: all members, but the order of calls about one piece is the
/// caller's. Cost: a search of the list of superblocks, and what recording a block costs.</para>
/// <para>The idea, and what metapools and automatic frees mean, are those of Valgrind's memory pools.</para>
/// </remarks>
public sealed unsafe class BlockPool : IDisposable
{
    private static int s_lastNumber;

    private readonly uint _number;
    private readonly BlockPoolKinds _kinds;
    private int _isDestroyed;

    private BlockPool(BlockPoolKinds kinds)
    {
        // Order: a number for each, nothing else.
        _number = (uint)Interlocked.Increment(ref s_lastNumber);
        _kinds = kinds;
    }

    /// <summary>Creates a pool.</summary>
    /// <param name="superblock">Memory it hands out; null: none yet, see <see cref="Extend"/>.</param>
    /// <param name="byteCount">Its length in bytes; 0: none yet.</param>
    /// <param name="kinds">What its blocks are.</param>
    /// <returns>The pool. It is destroyed by <see cref="Destroy"/>; there is no finalizer.</returns>
    public static BlockPool Create(
        void* superblock, nuint byteCount, BlockPoolKinds kinds = BlockPoolKinds.None)
    {
        BlockPool pool = new(kinds);
        pool.Extend(superblock, byteCount);
        return pool;
    }

    private bool IsMeta => (_kinds & BlockPoolKinds.Meta) != 0;

    private bool IsAutoFree => IsMeta && (_kinds & BlockPoolKinds.AutoFree) != 0;

    // Order: a pool that is being destroyed on another thread may take one block more; it is gone with the rest, or found
    // by nobody.
    private bool IsOff => !BlockHints.IsOn || Volatile.Read(ref _isDestroyed) != 0;

    /// <summary>Gives the pool more memory to hand out.</summary>
    /// <param name="superblock">The memory; null is refused.</param>
    /// <param name="byteCount">Its length in bytes; 0 is refused.</param>
    /// <returns>Whether the pool has it now.</returns>
    public bool Extend(void* superblock, nuint byteCount)
    {
        nuint start = (nuint)superblock;
        return !IsOff && start != 0 && byteCount != 0 && byteCount <= nuint.MaxValue - start
            && PoolBlocks.TryAddSuperblock(_number, start, start + byteCount);
    }

    /// <summary>The allocator hands out a piece.</summary>
    /// <param name="block">The piece; null is refused.</param>
    /// <param name="byteCount">Its length in bytes; 0 counts as one byte when pointers to it are looked for.</param>
    /// <returns>False when it does not lie in the pool's memory, or overlaps a block that is known already: a pool whose
    /// pieces hold blocks needs <see cref="BlockPoolKinds.Meta"/>. Reports count the overlaps.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool Alloc(void* block, nuint byteCount)
    {
        nuint start = (nuint)block;
        if (IsOff || start == 0 || byteCount > nuint.MaxValue - start
            || !PoolRanges.Contains(_number, start, start + byteCount))
        {
            return false;
        }

        if (IsMeta)
        {
            PoolRange range = new() { Start = start, End = start + Math.Max(byteCount, 1), Pool = _number, IsMetaBlock = 1 };
            return !PoolRanges.HasMetaBlock(_number, range.Start, range.End) && PoolRanges.TryAdd(in range);
        }

        if (BlockHints.Overlap(start, byteCount))
        {
            return false;
        }

        AllocationCall call = StackWalker.Caller();
        // Annotated, so that the free of a superblock that begins here is noticed.
        AllocationRecorder.OnAllocated(start, byteCount, AllocationApi.BlockPoolAlloc, BlockFlags.Annotated, in call);
        return true;
    }

    /// <summary>The allocator takes a piece back. Of a metapool with <see cref="BlockPoolKinds.AutoFree"/>, all blocks in
    /// it too.</summary>
    /// <param name="block">The piece; null: none.</param>
    /// <returns>Whether it was one of the pool's.</returns>
    public bool Free(void* block)
    {
        nuint start = (nuint)block;
        if (IsOff || start == 0)
        {
            return false;
        }

        if (!IsMeta)
        {
            return PoolRanges.Contains(_number, start, start + 1) && PoolBlocks.TryRemove(start);
        }

        bool isTaken = PoolRanges.TryTakeMetaBlock(_number, start, out PoolRange taken);
        if (isTaken && IsAutoFree)
        {
            PoolBlocks.RemoveInside(taken.Start, taken.End, cellsOnly: false);
        }

        return isTaken;
    }

    /// <summary>Of all pieces only what lies in a range is kept: those outside are freed, those that reach across its edges
    /// are cut. (Valgrind's MEMPOOL_TRIM.)</summary>
    /// <param name="start">Start of the range.</param>
    /// <param name="byteCount">Its length in bytes; 0 keeps nothing.</param>
    /// <returns>Whether the pool is in use. Pieces of a metapool are freed or kept whole.</returns>
    public bool Trim(void* start, nuint byteCount)
    {
        if (IsOff)
        {
            return false;
        }

        nuint keepStart = (nuint)start;
        nuint keepEnd = keepStart + Math.Min(byteCount, nuint.MaxValue - keepStart);
        int place = 0;
        while (PoolRanges.TryRead(_number, ref place, out PoolRange range))
        {
            if (!IsMeta)
            {
                PoolBlocks.Trim(range.Start, range.End, keepStart, keepEnd);
            }
            else if (range.IsMetaBlock != 0 && (range.End <= keepStart || range.Start >= keepEnd))
            {
                // The last range of the table has taken this one's place.
                Free((void*)range.Start);
                place--;
            }
        }

        return true;
    }

    /// <summary>Ends the pool: its pieces are freed, and its superblocks are ordinary blocks again. Pieces of a metapool's
    /// blocks stay unless it frees automatically. Twice is harmless.</summary>
    public void Destroy()
    {
        // Order: one caller destroys.
        if (Interlocked.Exchange(ref _isDestroyed, 1) == 0 && BlockHints.IsOn)
        {
            PoolBlocks.RemoveAll(_number, IsMeta, IsAutoFree);
        }
    }

    /// <summary>As <see cref="Destroy"/>.</summary>
    public void Dispose() => Destroy();
}
