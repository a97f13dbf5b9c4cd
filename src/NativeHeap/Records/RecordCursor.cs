// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a walk over the live records while threads allocate and free (kmemleak's seq_file over object_list).
// Who calls it: whoever shows blocks without a snapshot.
// The one idea: the cursor's place is an address, not a record. Each step looks for the next start under a guard of its
// own and pins what it found, so nothing is held between steps but the pin, and nothing that happens to the record just
// shown can break the walk.
using NativeLeak.NativeHeap.Reclamation;

namespace NativeLeak.NativeHeap.Records;

/// <summary>
/// Live records in order of address. A block that is live from Start to the end is returned exactly once; one that
/// comes or goes meanwhile may be. Not thread-safe itself; any number of cursors may run.
/// </summary>
internal ref struct RecordCursor
{
    private RecordStore? _store;
    private RecordHandle _current;
    private nuint _next;

    private RecordCursor(RecordStore store)
    {
        _store = store;
        _current = default;
        _next = 0;
    }

    /// <summary>Begins at the lowest address.</summary>
    public static RecordCursor Start(RecordStore store) => new(store);

    /// <summary>The record found last, pinned until the next call or Dispose.</summary>
    /// <exception cref="ObjectDisposedException">There is none.</exception>
    public readonly BlockRecord Current => _current.Record;

    /// <summary>Whether the block found last had not been freed a moment ago.</summary>
    public readonly bool IsCurrentLive => _current.IsLive;

    /// <summary>Finds and pins the next live record. False at the end, and after Dispose.</summary>
    public bool TryNext()
    {
        _current.Dispose();
        if (_store is null)
        {
            return false;
        }

        using EpochGuard guard = _store.Epochs.Enter();
        nuint address = _next;
        bool isFound = _store.TryFindNext(in guard, ref address, out _current);
        // Past everything at the end: a further call finds nothing.
        _next = isFound ? address + 1 : nuint.MaxValue;
        return isFound;
    }

    /// <summary>Drops the pin and ends the walk. Twice is harmless.</summary>
    public void Dispose()
    {
        _current.Dispose();
        _store = null;
    }
}
