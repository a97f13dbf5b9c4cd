// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the bounded list of mistakes found so far.
// Who calls it: FreeJudge and Quarantine when they find one; reports copy it.
// The one idea: a mistake is a place in the program, not an event: the same kind at the same sites is one entry with a
// count, so that a loop of double frees fills no memory.
// Safety: entries lie in one allocation of ours that is never given back; indices are below the count.
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>Mistakes found, one entry per kind and place. Thread-safe; no GC memory.</summary>
internal static unsafe class MisuseLog
{
    /// <summary>Places it can hold.</summary>
    public const int Capacity = 1024;

    private static MisuseEntry* s_entries;
    private static int s_count;
    private static int s_lock; // "misuse log" in docs/design/locking.md: a leaf
    private static long s_dropped;

    /// <summary>Mistakes that found no room.</summary>
    // Order: a statistic.
    public static long Dropped => Volatile.Read(ref s_dropped);

    /// <summary>Places known now.</summary>
    // Order: an entry is complete before the count admits it; pairs with the write in Add.
    public static int Count => Volatile.Read(ref s_count);

    /// <summary>Reserves the list. False when the system refuses; idempotent, cold.</summary>
    public static bool Initialize()
    {
        if (s_entries == null)
        {
            IPageSource pages = Platform.Pages;
            nuint byteCount = (nuint)(Capacity * sizeof(MisuseEntry));
            s_entries = (MisuseEntry*)pages.AllocatePrivate(
                (byteCount + pages.PageByteCount - 1) & ~(pages.PageByteCount - 1));
        }

        return s_entries != null;
    }

    /// <summary>Adds a mistake, or counts one more of a known place.</summary>
    public static void Add(in MisuseEntry entry)
    {
        if (s_entries == null)
        {
            return;
        }

        using SpinScope scope = SpinScope.Enter(ref s_lock);
        for (int i = 0; i < s_count; i++)
        {
            MisuseEntry* known = s_entries + i;
            // A first free that is not known is no other place than one that is.
            if (known->Code == entry.Code && known->Site == entry.Site && known->FreeSite == entry.FreeSite
                && (known->FirstFreeSite == entry.FirstFreeSite || known->FirstFreeSite == 0 || entry.FirstFreeSite == 0))
            {
                known->Count += entry.Count;
                known->FirstFreeSite = Math.Max(known->FirstFreeSite, entry.FirstFreeSite);
                return;
            }
        }

        if (s_count == Capacity)
        {
            s_dropped += entry.Count;
            return;
        }

        s_entries[s_count] = entry;
        // Order: the entry is complete before the count admits it; pairs with the readers of Count.
        Volatile.Write(ref s_count, s_count + 1);
    }

    /// <summary>Copies the entries.</summary>
    public static MisuseEntry[] Copy()
    {
        MisuseEntry[] copy = new MisuseEntry[Count];
        for (int i = 0; i < copy.Length; i++)
        {
            copy[i] = s_entries[i];
        }

        return copy;
    }
}
