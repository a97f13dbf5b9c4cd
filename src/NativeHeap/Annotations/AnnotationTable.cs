// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the side table of what hints say about single blocks (kmemleak's scan areas and their like).
// Who calls it: LeakHints and scopes add; frees of blocks whose record says Annotated drop; the child reads it frozen.
// The one idea: the key is address and ordinal, so that the next block at an address inherits nothing even where an entry
// outlived its block; and at every instruction each entry that shows an address is complete.
// Safety: slots are addressed modulo the table's size; the table in force is changed under the lock only.
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Annotations;

/// <summary>
/// An open-addressed hash table in pages of our own. Every member is thread-safe and legal inside a hook: no GC memory, no
/// exception; the lock is a leaf.
/// </summary>
internal sealed unsafe class AnnotationTable
{
    private const ulong FirstCapacity = (4096 / BlockAnnotation.ByteCount) - 1;

    private readonly IPageSource _pages;
    private readonly AnnotationHeader** _cell;
    private int _lock;
    private long _count;

    private AnnotationTable(IPageSource pages, nuint cell)
    {
        _pages = pages;
        _cell = (AnnotationHeader**)cell;
    }

    /// <summary>Annotations there are. A statistic.</summary>
    // Order: a statistic.
    public long Count => Volatile.Read(ref _count);

    /// <summary>Creates a table without memory for entries; null when the system refuses even that.</summary>
    public static AnnotationTable? TryCreate(IPageSource pages)
    {
        nuint cell = pages.AllocatePrivate(pages.PageByteCount);
        return cell == 0 ? null : new AnnotationTable(pages, cell);
    }

    /// <summary>What the frozen world needs.</summary>
    public FrozenAnnotations Freeze() => new() { Cell = _cell };

    /// <summary>Copies the table, for a scan beside which it may change.</summary>
    /// <param name="copy">The copy; all zero when there are no annotations.</param>
    /// <param name="pages">What the caller gives back to the page source; empty when there is none.</param>
    /// <returns>False when there is no memory for it.</returns>
    public bool TryCopy(out FrozenAnnotations copy, out MemoryRange pages)
    {
        (copy, pages) = (default, default);
        while (true)
        {
            ulong mask;
            using (SpinScope scope = SpinScope.Enter(ref _lock))
            {
                if (*_cell == null)
                {
                    return true;
                }

                mask = (*_cell)->Mask;
            }

            // Memory comes and goes outside of the lock.
            nuint byteCount = ByteCountOf(mask) + _pages.PageByteCount;
            nuint memory = _pages.AllocatePrivate(byteCount);
            if (memory == 0)
            {
                return false;
            }

            AnnotationHeader** cell = (AnnotationHeader**)memory;
            *cell = (AnnotationHeader*)(memory + _pages.PageByteCount);
            if (TryCopyTo(*cell, mask))
            {
                copy = new FrozenAnnotations { Cell = cell };
                pages = new MemoryRange(memory, memory + byteCount);
                return true;
            }

            _pages.Release(memory, byteCount);
        }
    }

    // False when the table grew meanwhile.
    private bool TryCopyTo(AnnotationHeader* to, ulong mask)
    {
        using SpinScope scope = SpinScope.Enter(ref _lock);
        AnnotationHeader* from = *_cell;
        if (from->Mask != mask)
        {
            return false;
        }

        *to = *from;
        for (ulong i = 0; i <= mask; i++)
        {
            ((BlockAnnotation*)to)[i + 1] = ((BlockAnnotation*)from)[i + 1];
        }

        return true;
    }

    /// <summary>
    /// Notes something about a block. What was noted of that kind before is replaced, but for scan areas, which add up.
    /// </summary>
    /// <returns>False when there is no memory for it.</returns>
    public bool TrySet(nuint address, ulong ordinal, AnnotationKind kind, ulong first, ulong second = 0)
    {
        while (true)
        {
            AnnotationHeader* full;
            using (SpinScope scope = SpinScope.Enter(ref _lock))
            {
                full = *_cell;
                if (full != null && full->Used < (full->Mask + 1) / 2)
                {
                    Replace(full, address, BlockAnnotation.KeyOf(ordinal, kind), kind, first, second);
                    return true;
                }
            }

            if (!TryGrow(full))
            {
                return false;
            }
        }
    }

    /// <summary>Reads what was noted of a kind.</summary>
    public bool TryGet(nuint address, ulong ordinal, AnnotationKind kind, out ulong first, out ulong second)
    {
        using SpinScope scope = SpinScope.Enter(ref _lock);
        ulong slot = 0;
        BlockAnnotation* found;
        while (*_cell != null && (found = FrozenAnnotations.Next(*_cell, address, ordinal, ref slot)) != null)
        {
            if (found->Kind == kind)
            {
                (first, second) = (found->First, found->Second);
                return true;
            }
        }

        (first, second) = (0, 0);
        return false;
    }

    /// <summary>Forgets one kind; <see cref="AnnotationKind.None"/> forgets all that is known of the block.</summary>
    public void Drop(nuint address, ulong ordinal, AnnotationKind kind = AnnotationKind.None)
    {
        using SpinScope scope = SpinScope.Enter(ref _lock);
        ulong slot = 0;
        BlockAnnotation* found;
        while (*_cell != null && (found = FrozenAnnotations.Next(*_cell, address, ordinal, ref slot)) != null)
        {
            if (kind == AnnotationKind.None || found->Kind == kind)
            {
                Erase(found);
            }
        }
    }

    /// <summary>
    /// The block of the annotation in a slot, for a walk over all of them; false when the slot holds none. Slots beyond the
    /// last are an end: <paramref name="isEnd"/>.
    /// </summary>
    public bool TryRead(ulong slot, out nuint address, out ulong ordinal, out bool isEnd)
    {
        using SpinScope scope = SpinScope.Enter(ref _lock);
        AnnotationHeader* table = *_cell;
        isEnd = table == null || slot > table->Mask;
        BlockAnnotation* at = isEnd ? null : (BlockAnnotation*)table + 1 + slot;
        (address, ordinal) = at == null ? (0, 0) : (at->Address, at->Ordinal);
        return address > BlockAnnotation.FreeAgain;
    }

    // The new entry is shown before the old one goes: a snapshot in between sees both, and takes the first it meets.
    private void Replace(
        AnnotationHeader* table, nuint address, ulong key, AnnotationKind kind, ulong first, ulong second)
    {
        ulong slot = 0;
        BlockAnnotation* old = null, found;
        while (kind != AnnotationKind.ScanArea && old == null
            && (found = FrozenAnnotations.Next(table, address, key & ~(0xFFul << 56), ref slot)) != null)
        {
            old = found->Kind == kind ? found : null;
        }

        Add(table, address, key, first, second);
        _count++;
        if (old != null)
        {
            Erase(old);
        }
    }

    private static void Add(AnnotationHeader* table, nuint address, ulong key, ulong first, ulong second)
    {
        BlockAnnotation* slots = (BlockAnnotation*)table + 1;
        ulong at = BlockAnnotation.Hash(address) & table->Mask;
        while (slots[at].Address > BlockAnnotation.FreeAgain)
        {
            at = (at + 1) & table->Mask;
        }

        table->Used += slots[at].Address == 0 ? 1u : 0;
        slots[at].Key = key;
        slots[at].First = first;
        slots[at].Second = second;
        // Order: the entry is complete before its address admits it; pairs with the frozen world's reads.
        Volatile.Write(ref slots[at].Address, address);
    }

    private void Erase(BlockAnnotation* entry)
    {
        entry->Address = BlockAnnotation.FreeAgain;
        _count--;
    }

    // Memory comes and goes outside of the lock. Half of what a table holds may be slots that are free again: the new
    // one is as large as what is in use asks for.
    private bool TryGrow(AnnotationHeader* full)
    {
        ulong capacity = (FirstCapacity + 1) / 2;
        while (capacity < (ulong)Count * 4)
        {
            capacity *= 2;
        }

        nuint byteCount = ByteCountOf(capacity - 1);
        AnnotationHeader* larger = (AnnotationHeader*)_pages.AllocatePrivate(byteCount);
        if (larger == null)
        {
            return false;
        }

        larger->Mask = capacity - 1;
        AnnotationHeader* unused = larger;
        using (SpinScope scope = SpinScope.Enter(ref _lock))
        {
            // Somebody else may have been faster, or much may have been added since: then the caller looks again.
            if (*_cell == full && (ulong)_count * 2 < capacity)
            {
                CopyAll(full, larger);
                *_cell = larger;
                unused = full;
            }
        }

        if (unused != null)
        {
            _pages.Release((nuint)unused, ByteCountOf(unused->Mask));
        }

        return true;
    }

    private static void CopyAll(AnnotationHeader* from, AnnotationHeader* to)
    {
        BlockAnnotation* slots = (BlockAnnotation*)from + 1;
        for (ulong i = 0; from != null && i <= from->Mask; i++)
        {
            if (slots[i].Address > BlockAnnotation.FreeAgain)
            {
                Add(to, slots[i].Address, slots[i].Key, slots[i].First, slots[i].Second);
            }
        }
    }

    private nuint ByteCountOf(ulong mask)
        => (((nuint)mask + 2) * BlockAnnotation.ByteCount + _pages.PageByteCount - 1) & ~(_pages.PageByteCount - 1);
}
