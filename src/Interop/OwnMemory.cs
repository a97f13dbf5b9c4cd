// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the list of every address range the detector owns, so that no scan ever takes our metadata for a root.
// Who calls it: page sources add and remove; the child reads the native table while nothing changes any more.
// The one idea: a fixed table in native memory, written under one lock, read without any in the frozen child.

namespace NativeLeak.Interop;

/// <summary>Registry of the detector's own native memory. Thread-safe; the lock is a leaf (nothing is taken inside it).</summary>
internal static unsafe class OwnMemory
{
    /// <summary>Ranges the table can hold; beyond it <see cref="TryAdd"/> refuses and the page source gives the pages back.</summary>
    public const int Capacity = 4096;

    // Safety: a plain malloc'ed block would be tracked by our own hook, so the table lives in a page of its own that the
    // first page source hands in through Initialize.
    private static MemoryRange* s_ranges;
    private static int s_count;
    private static int s_lock;

    /// <summary>The table, for the child; valid for <see cref="Count"/> entries.</summary>
    public static MemoryRange* Ranges => s_ranges;

    /// <summary>How many ranges are registered.</summary>
    // Order: acquire; pairs with the release store of the count in TryAdd, after the entry is complete.
    public static int Count => Volatile.Read(ref s_count);

    /// <summary>Hands in the memory of the table (Capacity × 16 bytes, zeroed). Later calls are ignored.</summary>
    public static void Initialize(nuint table)
    {
        if (s_ranges == null)
        {
            s_ranges = (MemoryRange*)table;
        }
    }

    /// <summary>Registers a range; false when the table is full.</summary>
    public static bool TryAdd(MemoryRange range)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        if (s_count == Capacity)
        {
            return false;
        }

        s_ranges[s_count] = range;
        // Order: the entry is complete before the count admits it; pairs with the child's read of Count.
        Volatile.Write(ref s_count, s_count + 1);
        return true;
    }

    /// <summary>Copies the table, for a scan beside which it may change.</summary>
    /// <param name="to">Room for <see cref="Capacity"/> ranges.</param>
    /// <returns>How many there are.</returns>
    // Safety: the caller has the room; the table holds s_count ranges while the lock is held.
    public static int CopyTo(MemoryRange* to)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        for (int i = 0; i < s_count; i++)
        {
            to[i] = s_ranges[i];
        }

        return s_count;
    }

    /// <summary>Unregisters the range that starts at <paramref name="start"/>; nothing happens when there is none.</summary>
    public static void Remove(nuint start)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        for (int i = 0; i < s_count; i++)
        {
            if (s_ranges[i].Start == start)
            {
                s_ranges[i] = s_ranges[s_count - 1];
                // Order: the last entry has its new place before the count gives up the old; pairs with reads of Count.
                Volatile.Write(ref s_count, s_count - 1);
                return;
            }
        }
    }
}
