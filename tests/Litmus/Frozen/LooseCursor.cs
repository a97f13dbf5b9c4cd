// Licensed under the MIT License. See LICENSE in the repository root.
// Frozen: the walk over all records, which unpins what it found, and leaves its guard, before the record is read.
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Frozen;

/// <summary>The control of the enumerate race.</summary>
internal ref struct LooseCursor(RecordStore store)
{
    private RecordHandle _current;
    private nuint _next;

    /// <summary>Reads through a handle whose pin is gone.</summary>
    public readonly BlockRecord Current => _current.Record;

    public bool TryNext()
    {
        using EpochGuard guard = store.Epochs.Enter();
        nuint address = _next;
        bool isFound = store.TryFindNext(in guard, ref address, out RecordHandle found);
        _next = address + 1;
        _current = found;
        found.Dispose();
        return isFound;
    }
}
