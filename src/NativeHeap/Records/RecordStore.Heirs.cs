// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what becomes of the free entries that an ended thread had set aside.
// Who calls it: ThreadNumbers, through RecordTable, when a thread gets its number.
// The one idea: a stripe has one writer, its thread; when that has ended for certain, whoever claimed its number (one
// thread at a time) is the one writer. So a program that starts threads all day keeps the entries of the living ones only.
// Safety: stripes are addressed by numbers that fit the table.

namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class RecordStore
{
    /// <summary>Gives a young thread what an ended one had set aside: at most three batches.</summary>
    /// <param name="ended">Number of a thread that has ended, claimed by the caller.</param>
    /// <param name="heir">The calling thread's own number.</param>
    public void Inherit(ushort ended, ushort heir)
    {
        RecordStripe* from = HomeOf(ended), home = HomeOf(heir);
        if (from->Mode != RecordStripe.Owned || from == home || heir == 0)
        {
            return;
        }

        bool isShared = Open(home);
        if (from->SpareHead != 0)
        {
            _slabs.Put(from->SpareHead);
            from->SpareHead = 0;
        }

        while (from->FreeHead != 0)
        {
            uint entry = from->FreeHead;
            from->FreeHead = _entries[entry].SizeAndOrdinal;
            Put(home, entry);
        }

        from->FreeCount = 0;
        if (home->BumpNext == home->BumpEnd)
        {
            home->BumpNext = from->BumpNext;
            home->BumpEnd = from->BumpEnd;
        }
        else
        {
            for (uint entry = from->BumpNext; entry != from->BumpEnd; entry++)
            {
                Put(home, entry);
            }
        }

        from->BumpNext = from->BumpEnd = 0;
        Close(home, isShared);
    }
}
