// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Records;

/// <summary>The store as the child sees it.</summary>
internal static unsafe class FrozenView
{
    /// <summary>Starts and record indices of all live blocks, as the frozen walk yields them.</summary>
    public static (nuint Start, uint Record)[] Collect(RecordStore store)
    {
        FrozenRecords frozen = store.Freeze();
        uint capacity = frozen.HighWater;
        nuint[] starts = new nuint[capacity], oddStarts = new nuint[capacity];
        uint[] records = new uint[capacity], oddRecords = new uint[capacity];
        long progress = 0;
        uint count;
        fixed (nuint* start = starts, oddStart = oddStarts)
        fixed (uint* record = records, oddRecord = oddRecords)
        {
            count = FrozenRecords.Collect(&frozen, start, record, oddStart, oddRecord, capacity, ref progress);
        }

        return [.. starts.Zip(records).Take((int)count)];
    }
}
