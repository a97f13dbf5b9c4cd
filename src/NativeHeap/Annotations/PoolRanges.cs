// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the ranges of memory that pools hand out piece by piece.
// Who calls it: PoolBlocks; the child reads it frozen, so as not to take a superblock's free pieces for roots.
// The one idea: a range shows its end last and hides it first, so that a snapshot in the middle of a change sees a range
// whole or not at all.
// Safety: entries lie below the table's count, and are changed under the lock only; a table is given back only after the
// cell names its successor.
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Annotations;

/// <summary>The table of pool ranges. Thread-safe, legal inside a hook; the lock is a leaf. Searches are linear.</summary>
internal static unsafe class PoolRanges
{
    private const long FirstCapacity = 63;

    private static PoolHeader** s_cell;
    private static int s_lock;
    private static int s_count;

    /// <summary>Whether there is any pool.</summary>
    // Order: a free on another thread that misses a pool made at this very moment frees nothing of that pool's.
    public static bool IsAny => Volatile.Read(ref s_count) != 0;

    /// <summary>What the frozen world needs.</summary>
    public static FrozenPools Freeze() => new() { Cell = s_cell };

    /// <summary>Copies the table, for a scan beside which it may change.</summary>
    /// <param name="copy">The copy; all zero when there are no pools.</param>
    /// <param name="pages">What the caller gives back to the page source; empty when there is none.</param>
    /// <returns>False when there is no memory for it.</returns>
    public static bool TryCopy(out FrozenPools copy, out MemoryRange pages)
    {
        (copy, pages) = (default, default);
        IPageSource source = Platform.Pages;
        while (IsAny)
        {
            long capacity;
            using (SpinScope scope = SpinScope.Enter(ref s_lock))
            {
                capacity = *s_cell == null ? 0 : (*s_cell)->Capacity;
            }

            // Memory comes and goes outside of the lock.
            nuint byteCount = (((nuint)(capacity + 1) * PoolRange.ByteCount) + (2 * source.PageByteCount) - 1)
                & ~(source.PageByteCount - 1);
            nuint memory = source.AllocatePrivate(byteCount);
            if (memory == 0)
            {
                return false;
            }

            PoolHeader** cell = (PoolHeader**)memory;
            *cell = (PoolHeader*)(memory + source.PageByteCount);
            if (TryCopyTo(*cell, capacity))
            {
                copy = new FrozenPools { Cell = cell };
                pages = new MemoryRange(memory, memory + byteCount);
                return true;
            }

            source.Release(memory, byteCount);
        }

        return true;
    }

    // False when the table grew meanwhile.
    private static bool TryCopyTo(PoolHeader* to, long capacity)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        PoolHeader* from = *s_cell;
        if (from == null || from->Capacity != capacity)
        {
            return false;
        }

        *to = *from;
        for (long i = 0; i < from->Count; i++)
        {
            Ranges(to)[i] = Ranges(from)[i];
        }

        return true;
    }

    /// <summary>Adds a range; false when there is no memory for it.</summary>
    public static bool TryAdd(in PoolRange range)
    {
        while (true)
        {
            PoolHeader* full;
            using (SpinScope scope = SpinScope.Enter(ref s_lock))
            {
                full = s_cell == null ? null : *s_cell;
                if (full != null && full->Count < full->Capacity)
                {
                    Write(Ranges(full) + full->Count++, in range);
                    s_count++;
                    return true;
                }
            }

            if (!TryGrow(full))
            {
                return false;
            }
        }
    }

    /// <summary>Whether a pool owns the whole of [start, end), not as part of a block of its own.</summary>
    public static bool Contains(uint pool, nuint start, nuint end)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        for (PoolRange* range = First(); range != Last(); range++)
        {
            if (range->Pool == pool && range->IsMetaBlock == 0 && range->Start <= start && range->End >= end)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a metapool has handed out any byte of [start, end).</summary>
    public static bool HasMetaBlock(uint pool, nuint start, nuint end)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        for (PoolRange* range = First(); range != Last(); range++)
        {
            if (range->Pool == pool && range->IsMetaBlock != 0 && range->Start < end && range->End > start)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Takes out the block of a metapool that starts at an address.</summary>
    public static bool TryTakeMetaBlock(uint pool, nuint start, out PoolRange taken)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        for (PoolRange* range = First(); range != Last(); range++)
        {
            if (range->Pool == pool && range->IsMetaBlock != 0 && range->Start == start)
            {
                return Take(range, out taken);
            }
        }

        taken = default;
        return false;
    }

    /// <summary>Takes out any range of a pool.</summary>
    public static bool TryTakeAny(uint pool, out PoolRange taken)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        for (PoolRange* range = First(); range != Last(); range++)
        {
            if (range->Pool == pool)
            {
                return Take(range, out taken);
            }
        }

        taken = default;
        return false;
    }

    /// <summary>Takes out a range that was the recorded block at an address.</summary>
    public static bool TryTakeShelved(nuint address, out PoolRange taken)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        for (PoolRange* range = First(); range != Last(); range++)
        {
            if (range->Shelved.Address == address)
            {
                return Take(range, out taken);
            }
        }

        taken = default;
        return false;
    }

    /// <summary>Takes out any range that lies wholly in [start, end).</summary>
    public static bool TryTakeInside(nuint start, nuint end)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        for (PoolRange* range = First(); range != Last(); range++)
        {
            if (range->Start >= start && range->End <= end)
            {
                return Take(range, out _);
            }
        }

        return false;
    }

    /// <summary>The range of a pool with a place in the table; false behind the last. For walks: places may change.</summary>
    public static bool TryRead(uint pool, ref int place, out PoolRange found)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        for (PoolRange* range = First() + place; range < Last(); range++)
        {
            place++;
            if (range->Pool == pool)
            {
                found = *range;
                return true;
            }
        }

        found = default;
        return false;
    }

    private static PoolRange* Ranges(PoolHeader* table) => (PoolRange*)table + 1;

    private static PoolRange* First() => s_cell == null || *s_cell == null ? null : Ranges(*s_cell);

    private static PoolRange* Last() => s_cell == null || *s_cell == null ? null : Ranges(*s_cell) + (*s_cell)->Count;

    private static bool Take(PoolRange* range, out PoolRange taken)
    {
        taken = *range;
        PoolHeader* table = *s_cell;
        PoolRange last = Ranges(table)[table->Count - 1];
        // Order: both are hidden before anything moves; pairs with the frozen world, which skips a range without an end.
        Volatile.Write(ref Ranges(table)[table->Count - 1].End, 0);
        if (range != Ranges(table) + table->Count - 1)
        {
            Write(range, in last);
        }

        table->Count--;
        s_count--;
        return true;
    }

    private static void Write(PoolRange* place, in PoolRange range)
    {
        // Order: hidden, written, shown; pairs with the frozen world's reads.
        Volatile.Write(ref place->End, 0);
        place->Start = range.Start;
        place->Pool = range.Pool;
        place->IsMetaBlock = range.IsMetaBlock;
        place->Shelved = range.Shelved;
        // Order: as above.
        Volatile.Write(ref place->End, range.End);
    }

    // Memory comes and goes outside of the lock.
    private static bool TryGrow(PoolHeader* full)
    {
        IPageSource pages = Platform.Pages;
        long capacity = full == null ? FirstCapacity : (full->Capacity * 2) + 1;
        nuint byteCount = (nuint)(capacity + 1) * PoolRange.ByteCount;
        PoolHeader* larger = (PoolHeader*)pages.AllocatePrivate(byteCount);
        PoolHeader** cell = s_cell != null ? s_cell : (PoolHeader**)pages.AllocatePrivate(pages.PageByteCount);
        if (larger == null || cell == null)
        {
            return false;
        }

        larger->Capacity = capacity;
        PoolHeader* unused = larger;
        using (SpinScope scope = SpinScope.Enter(ref s_lock))
        {
            s_cell = s_cell == null ? cell : s_cell;
            if (*s_cell == full)
            {
                for (long i = 0; full != null && i < full->Count; i++)
                {
                    Ranges(larger)[i] = Ranges(full)[i];
                }

                larger->Count = full == null ? 0 : full->Count;
                *s_cell = larger;
                unused = full;
            }
        }

        if (unused != null)
        {
            pages.Release((nuint)unused, (nuint)(unused->Capacity + 1) * PoolRange.ByteCount);
        }

        return true;
    }
}
