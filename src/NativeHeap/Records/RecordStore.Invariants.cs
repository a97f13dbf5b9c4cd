// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the equations that hold of a store whenever no thread is inside it.
// Who calls it: the tests, after every sequence and every race.
// The one idea: every record ever carved is in exactly one place, so the places can be counted against each other.
//
//   1. carved records = live + free + retired in a queue + retired but pinned + not yet used of the current slabs + 1
//      (the 1 is index 0)
//   2. a live record's slot in the address index holds its index; a record with another state is in no slot
//   3. free records are Empty and belong to the stripe whose list they are in; so do retired ones to their queue's
//   4. Σ allocated − Σ freed = live records, and the same in bytes
//   5. the epochs in a retired queue never fall from head to tail
//   6. 0 ≤ retired count of a stripe = length of its queue
// Safety: reads records below the high-water mark only, while no other thread changes them (the caller's duty).
using System.Globalization;

namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class RecordStore
{
    /// <summary>
    /// The first broken invariant, or null. Exhaustive and slow; no other thread may use the store meanwhile.
    /// </summary>
    internal string? FindBrokenInvariant()
    {
        long live = 0, liveBytes = 0, retired = 0, held = 0;
        uint highWater = _slabs.HighWater;
        for (uint index = 1; index < highWater; index++)
        {
            BlockRecord record = _records[index];
            uint* slot = record.State == RecordState.Live ? FindSlot(record.Address) : null;
            switch (record.State)
            {
                case RecordState.Live when slot == null || *slot != index:
                    return Broken(2, index);
                case RecordState.Live:
                    live++;
                    liveBytes += (long)record.BlockByteCount;
                    break;
                case RecordState.Retired when RecordStateWord.Pins(record.StateWord) != 0:
                    held++;
                    break;
                case RecordState.Retired:
                    retired++;
                    break;
            }
        }

        long free = 0, unused = 0, queued = 0;
        for (int stripe = 0; stripe < StripeCount; stripe++)
        {
            string? broken = CountLists(stripe, ref free, ref queued);
            if (broken is not null)
            {
                return broken;
            }

            unused += _stripes[stripe].BumpEnd - _stripes[stripe].BumpNext;
        }

        RecordCounters counters = ReadCounters();
        bool isEmpty = highWater == 1;
        return !isEmpty && highWater != live + free + queued + held + unused + 1 ? Broken(1, highWater)
            : queued != retired ? Broken(6, queued)
            : counters.LiveBlocks != live || counters.LiveBytes != liveBytes ? Broken(4, live)
            : null;
    }

    private string? CountLists(int stripe, ref long free, ref long queued)
    {
        RecordStripe* at = _stripes + stripe;
        for (uint index = at->FreeHead; index != 0; index = _records[index].Site)
        {
            if (_records[index].State != RecordState.Empty || Owner(index) != at)
            {
                return Broken(3, index);
            }

            free++;
        }

        nuint epoch = 0;
        long length = 0;
        for (uint index = at->RetiredHead; index != 0; index = _records[index].Site)
        {
            if (_records[index].State != RecordState.Retired || Owner(index) != at)
            {
                return Broken(3, index);
            }

            if (_records[index].Address < epoch)
            {
                return Broken(5, index);
            }

            epoch = _records[index].Address;
            length++;
        }

        queued += length;
        return length == at->Retired ? null : Broken(6, length);
    }

    private static string Broken(int number, long detail)
        => string.Create(CultureInfo.InvariantCulture, $"invariant {number} is broken ({detail})");
}
