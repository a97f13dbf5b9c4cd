// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Records;

/// <summary>
/// A pinned record: it is not reused until Dispose, whatever happens to its block, and nothing but its flags and its site
/// (hints) changes.
/// </summary>
/// <remarks>The block itself may be freed at any time; <see cref="IsLive"/> tells whether it was, a moment
/// ago.</remarks>
internal ref struct RecordHandle
{
    private readonly uint _index;
    private readonly nuint _address;
    private RecordStore? _store;

    internal RecordHandle(RecordStore store, uint index, nuint address)
    {
        _store = store;
        _index = index;
        _address = address;
    }

    /// <summary>Index of the record; 0 for a handle that holds nothing.</summary>
    public readonly uint Index => _index;

    /// <summary>Whether the block had not been freed a moment ago.</summary>
    public readonly bool IsLive => _store is not null && _store.IsLive(_index);

    /// <summary>The record, decoded.</summary>
    /// <exception cref="ObjectDisposedException">The handle is empty or disposed.</exception>
    public readonly BlockRecord Record
    {
        get
        {
            ObjectDisposedException.ThrowIf(_store is null, typeof(RecordHandle));
            return _store.Decode(_index, _address);
        }
    }

    /// <summary>Changes the block's flags. False when the block is being freed: then nothing is known of it any more.</summary>
    public readonly bool TryChangeFlags(BlockFlags add, BlockFlags remove)
        => _store is not null && _store.TryChangeFlags(_index, _address, add, remove);

    /// <summary>Gives the block another allocation site. False when the block is being freed.</summary>
    public readonly bool TryChangeSite(uint site) => _store is not null && _store.TryChangeSite(_index, _address, site);

    /// <summary>Drops the pin; the last pin of a freed block hands its record to reclamation.</summary>
    public void Dispose()
    {
        RecordStore? store = _store;
        _store = null;
        store?.Unpin(_index);
    }
}
