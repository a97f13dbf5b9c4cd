// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the ranges that code registered as roots.
// Who calls it: LeakDetector.RegisterRoot adds, RootRegistration removes, the child reads the frozen table.
// The one idea: at every instruction the first Count entries of Table are valid (one may be there twice), so a snapshot
// taken in the middle of a change still sees every range.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;

namespace NativeLeak.Roots;

/// <summary>The registered roots, in native pages of our own. Changes are thread-safe; growing takes the lock of
/// <see cref="OwnMemory"/> inside its own.</summary>
internal static unsafe class RegisteredRoots
{
    private const int FirstCapacity = 4096 / RootEntry.ByteCount;

    // Safety: written under the lock only; pages that were published once stay mapped.
    private static RootEntry* s_table;
    private static int s_count;
    private static int s_capacity;
    private static int s_lock;

    /// <summary>The entries, for the frozen child: read <see cref="Count"/> first.</summary>
    public static RootEntry* Table
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => s_table;
    }

    /// <summary>How many entries are valid.</summary>
    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => s_count;
    }

    /// <summary>Adds a range, or counts it once more; false when there is no memory for the table.</summary>
    public static bool TryAdd(MemoryRange range, PointerDecoder decoder = default)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock, LockRank.Roots);
        RootEntry* entry = Find(range, decoder);
        if (entry != null)
        {
            entry->Registrations++;
            return true;
        }

        if (s_count == s_capacity && !Grow())
        {
            return false;
        }

        s_table[s_count] = new RootEntry
        {
            Start = range.Start,
            End = range.End,
            Registrations = 1,
            DecoderForm = decoder.Form,
            DecoderValue = decoder.Value,
        };
        // Order: the entry is complete before the count admits it; pairs with the child's read of Count.
        Volatile.Write(ref s_count, s_count + 1);
        return true;
    }

    /// <summary>Takes one registration of a range back; false when there was none.</summary>
    public static bool Remove(MemoryRange range, PointerDecoder decoder = default)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock, LockRank.Roots);
        RootEntry* entry = Find(range, decoder);
        if (entry == null)
        {
            return false;
        }

        if (--entry->Registrations == 0)
        {
            *entry = s_table[s_count - 1];
            // Order: the last entry has its new place before the count gives up the old; pairs as above.
            Volatile.Write(ref s_count, s_count - 1);
        }

        return true;
    }

    /// <summary>Copies the table, for a scan beside which it may change; −1 when there is no room for all.</summary>
    // Safety: the caller has room for capacity entries; the table holds s_count while the lock is held.
    public static int CopyTo(RootEntry* to, int capacity)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock, LockRank.Roots);
        for (int i = 0; i < s_count && i < capacity; i++)
        {
            to[i] = s_table[i];
        }

        return s_count <= capacity ? s_count : -1;
    }

    private static RootEntry* Find(MemoryRange range, PointerDecoder decoder)
    {
        for (int i = 0; i < s_count; i++)
        {
            if (s_table[i].Start == range.Start && s_table[i].End == range.End
                && s_table[i].DecoderForm == decoder.Form && s_table[i].DecoderValue == decoder.Value)
            {
                return s_table + i;
            }
        }

        return null;
    }

    private static bool Grow()
    {
        int capacity = s_capacity == 0 ? FirstCapacity : s_capacity * 2;
        RootEntry* larger = (RootEntry*)Platform.Pages.AllocatePrivate((nuint)capacity * RootEntry.ByteCount);
        if (larger == null)
        {
            return false;
        }

        RootEntry* old = s_table;
        new ReadOnlySpan<RootEntry>(old, s_count).CopyTo(new Span<RootEntry>(larger, capacity));
        // Order: the copy is complete before it is published; the count is right for both tables. Pairs with the scan's
        // read. The old pages stay: a scan may have read their address already, and all of them together are smaller
        // than the new.
        s_table = larger;
        s_capacity = capacity;
        return true;
    }
}
