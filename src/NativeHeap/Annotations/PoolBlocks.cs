// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what pools do to the record table.
// Who calls it: BlockPool; AllocationRecorder when a block goes that may be a superblock.
// The one idea (Valgrind's): a block that a pool hands out piece by piece stops being a block; its pieces are blocks
// instead. Its record waits on a shelf and comes back when the pool goes.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Annotations;

/// <summary>Superblocks and the blocks inside. Thread-safe; none throws.</summary>
internal static class PoolBlocks
{
    /// <summary>Makes a range the pool's. The recorded block that contains it, if any, is put on the shelf.</summary>
    public static bool TryAddSuperblock(uint pool, nuint start, nuint end)
    {
        PoolRange range = new() { Start = start, End = end, Pool = pool };
        bool isShelved = TryShelve(start, end, out range.Shelved);
        if (PoolRanges.TryAdd(in range))
        {
            return true;
        }

        if (isShelved)
        {
            RecordTable.Restore(in range.Shelved);
        }

        return false;
    }

    /// <summary>
    /// A block without a record is being freed. True when it was a superblock: then it and what is inside it is forgotten.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool TryForgetSuperblock(nuint address, out nuint byteCount)
    {
        byteCount = nuint.MaxValue;
        if (!PoolRanges.IsAny || !PoolRanges.TryTakeShelved(address, out PoolRange taken))
        {
            return false;
        }

        byteCount = taken.Shelved.BlockByteCount;
        nuint end = address + byteCount;
        while (PoolRanges.TryTakeInside(address, end))
        {
        }

        RemoveInside(address, end, cellsOnly: false);
        return true;
    }

    /// <summary>Takes back the pool's ranges, one by one.</summary>
    /// <param name="pool">The pool.</param>
    /// <param name="isMeta">Whether its blocks hold blocks.</param>
    /// <param name="isAutoFree">Whether those go with it.</param>
    public static void RemoveAll(uint pool, bool isMeta, bool isAutoFree)
    {
        while (PoolRanges.TryTakeAny(pool, out PoolRange taken))
        {
            if (!isMeta || isAutoFree)
            {
                RemoveInside(taken.Start, taken.End, cellsOnly: !isAutoFree);
            }

            if (taken.Shelved.Address != 0)
            {
                Unshelve(taken);
            }
        }
    }

    /// <summary>Takes out the records of the blocks that start in [start, end).</summary>
    public static void RemoveInside(nuint start, nuint end, bool cellsOnly)
    {
        nuint at = start;
        while (TryNext(ref at, end, out BlockRecord record))
        {
            if (!cellsOnly || record.Api == AllocationApi.BlockPoolAlloc)
            {
                TryRemove(record.Address);
            }

            at++;
        }
    }

    /// <summary>Takes out one record and what is noted about it.</summary>
    public static bool TryRemove(nuint address)
    {
        if (!RecordTable.TryRemove(address, out BlockRecord removed))
        {
            return false;
        }

        BlockHints.Table?.Drop(removed.Address, removed.Ordinal);
        return true;
    }

    /// <summary>Keeps of a pool's blocks only what lies in [keepStart, keepEnd).</summary>
    public static void Trim(nuint start, nuint end, nuint keepStart, nuint keepEnd)
    {
        nuint at = start;
        while (TryNext(ref at, end, out BlockRecord record))
        {
            at++;
            nuint blockEnd = record.Address + record.BlockByteCount;
            bool isInside = record.Address >= keepStart && blockEnd <= keepEnd;
            if (record.Api != AllocationApi.BlockPoolAlloc || isInside || !RecordTable.TryRemove(record.Address, out record))
            {
                continue;
            }

            nuint keptStart = Math.Max(record.Address, keepStart);
            nuint keptEnd = Math.Min(blockEnd, keepEnd);
            if (keptStart != record.Address || keptEnd <= keptStart)
            {
                BlockHints.Table?.Drop(record.Address, record.Ordinal);
            }

            if (keptEnd > keptStart)
            {
                record.Address = keptStart;
                record.BlockByteCount = keptEnd - keptStart;
                RecordTable.Restore(in record);
            }

            at = Math.Max(at, keptEnd);
        }
    }

    private static bool TryNext(ref nuint at, nuint end, out BlockRecord record)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        record = default;
        if (!RecordTable.TryFindNext(in guard, ref at, end, out RecordHandle found))
        {
            return false;
        }

        using RecordHandle block = found;
        record = block.Record;
        return true;
    }

    private static bool TryShelve(nuint start, nuint end, out BlockRecord shelved)
    {
        shelved = default;
        using (EpochGuard guard = RecordTable.EnterGuard())
        {
            if (!RecordTable.TryFindInterior(in guard, start, out RecordHandle found))
            {
                return false;
            }

            using RecordHandle block = found;
            shelved = block.Record;
        }

        bool isWhole = shelved.Address + shelved.BlockByteCount >= end;
        if (isWhole && RecordTable.TryRemove(shelved.Address, out BlockRecord removed))
        {
            if (removed.Ordinal == shelved.Ordinal)
            {
                return true;
            }

            // Another block by now.
            RecordTable.Restore(in removed);
        }

        shelved = default;
        return false;
    }

    // Blocks of a metapool's blocks may live on inside: then the superblock stays none until it is freed.
    private static void Unshelve(in PoolRange range)
    {
        nuint at = range.Shelved.Address;
        if (TryNext(ref at, at + range.Shelved.BlockByteCount, out _))
        {
            PoolRange orphan = range;
            orphan.Pool = 0;
            PoolRanges.TryAdd(in orphan);
        }
        else
        {
            RecordTable.Restore(in range.Shelved);
        }
    }
}
