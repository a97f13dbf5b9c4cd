// Licensed under the MIT License. See LICENSE in the repository root.
// Frozen: the walk over all records, whose place is the number of records shown so far instead of an address: what is
// freed behind the place makes it skip, what is allocated there makes it show a block twice.
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Frozen;

/// <summary>The control of the cursor race.</summary>
internal ref struct CountingCursor(RecordStore store)
{
    private int _shown;

    /// <summary>The record found last, as it was then.</summary>
    public BlockRecord Current { get; private set; }

    public bool TryNext()
    {
        using EpochGuard guard = store.Epochs.Enter();
        nuint address = 0;
        for (int passed = 0; store.TryFindNext(in guard, ref address, out RecordHandle found); passed++, address++)
        {
            bool isNext = passed == _shown;
            Current = isNext ? found.Record : default;
            found.Dispose();
            if (isNext)
            {
                _shown++;
                return true;
            }
        }

        return false;
    }
}
