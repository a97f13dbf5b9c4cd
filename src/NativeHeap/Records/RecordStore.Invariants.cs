// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the equations that hold of a store whenever no thread is inside it.
// Who calls it: the tests, after every sequence and every race.
// The one idea: every entry ever carved is in exactly one place, so the places can be counted against each other.
//
//   1. carved entries = live + forks + size entries + free + retired in a queue + retired but pinned + not yet used of
//      the current ranges + 1 (index 0); no entry is in two of these places
//   2. what a slot or a fork names is a Live record, or a fork; every fork was counted when it was made
//   3. free entries are Empty; entries in a queue are Retired
//   4. Σ allocated − Σ freed = live records, and the same in bytes
//   5. the epochs in a retired queue never fall from head to tail
//   6. the count of a queue = its length
//   7. a full batch has 64 entries, a thread's list fewer, and its count is its length
//   8. the word of a stretch of the index counts its touched regions, and their sum, large pages whole, is what is in use
//   9. a tally of the index = second slots in use among its 64, and bit 7 = their region is touched
// Safety: reads entries below the high-water mark only, while no other thread changes them (the caller's duty).
using System.Globalization;

namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class RecordStore
{
    /// <summary>
    /// The first broken invariant, or null. Exhaustive and slow; no other thread may use the store meanwhile.
    /// </summary>
    internal string? FindBrokenInvariant()
    {
        uint highWater = _slabs.HighWater;
        bool[] isPlaced = new bool[highWater];
        isPlaced[0] = true;
        long live = 0, liveBytes = 0, unused = 0, forks = 0;
        string? broken = CountSlots(_aligned, isPlaced, ref live, ref liveBytes, ref forks)
            ?? (_odd is { } odd ? CountSlots(odd, isPlaced, ref live, ref liveBytes, ref forks) : null);
        int stripes = Math.Max(_header->StripesUsed, 1);
        for (int i = 0; i < stripes && broken is null; i++)
        {
            RecordStripe* at = _stripes + i;
            broken = CountList(at->FreeHead, at->FreeCount, isPlaced)
                ?? (at->SpareHead == 0 ? null : CountList(at->SpareHead, RecordSlabs.BatchCount, isPlaced));
            for (uint entry = at->BumpNext; entry != at->BumpEnd; entry++)
            {
                isPlaced[entry] = true;
                unused++;
            }
        }

        for (uint batch = _slabs.NextPooled(0); batch != 0 && broken is null; batch = _slabs.NextPooled(batch))
        {
            broken = CountList(batch, RecordSlabs.BatchCount, isPlaced);
        }

        for (int i = 0; i < QueueCount && broken is null; i++)
        {
            broken = CountQueue(_queues + i, isPlaced);
        }

        broken ??= _aligned.AreRegionsCounted() && (_odd?.AreRegionsCounted() ?? true) ? null : "regions are counted wrongly";
        broken ??= _aligned.AreSecondsCounted() && (_odd?.AreSecondsCounted() ?? true) ? null : Broken(9, 0);
        return broken ?? CountRest(isPlaced, highWater) ?? CheckCounters(live, liveBytes, forks);
    }

    private string? CountSlots(AddressIndex index, bool[] isPlaced, ref long live, ref long liveBytes, ref long forks)
    {
        nuint at = 0;
        while (index.TryNext(ref at, (nuint)1 << AddressIndex.AddressBits, out uint entry))
        {
            if (!TryPlace(isPlaced, entry))
            {
                return Broken(1, entry);
            }

            if (_entries[entry].State != RecordState.Live)
            {
                return Broken(2, entry);
            }

            uint sizeEntry = _entries[entry].SizeEntry;
            if (sizeEntry != 0 && !TryPlace(isPlaced, sizeEntry))
            {
                return Broken(1, sizeEntry);
            }

            live++;
            liveBytes += (long)PackedRecord.ReadByteCount(_entries + entry, _entries);
            at++;
        }

        return index.CountForks(isPlaced, ref forks) is { } fork ? Broken(1, fork) : null;
    }

    private string? CountList(uint head, uint count, bool[] isPlaced)
    {
        uint length = 0;
        for (uint entry = head; entry != 0 && length < count; entry = _entries[entry].SizeAndOrdinal)
        {
            if (_entries[entry].State != RecordState.Empty)
            {
                return Broken(3, entry);
            }

            if (!TryPlace(isPlaced, entry))
            {
                return Broken(1, entry);
            }

            length++;
        }

        return length == count && count <= RecordSlabs.BatchCount ? null : Broken(7, head);
    }

    private string? CountQueue(RecordQueue* queue, bool[] isPlaced)
    {
        ulong epoch = 0;
        long length = 0;
        for (uint entry = queue->Head; entry != 0; entry = _entries[entry].SizeAndOrdinal)
        {
            if (_entries[entry].State != RecordState.Retired)
            {
                return Broken(3, entry);
            }

            if (!TryPlace(isPlaced, entry))
            {
                return Broken(1, entry);
            }

            if (_entries[entry].SiteAndOrdinal < epoch)
            {
                return Broken(5, entry);
            }

            epoch = _entries[entry].SiteAndOrdinal;
            length++;
        }

        return length == queue->Count ? null : Broken(6, length);
    }

    // What is nowhere yet must be retired and pinned, or such a record's size.
    private string? CountRest(bool[] isPlaced, uint highWater)
    {
        for (uint entry = 1; entry < highWater; entry++)
        {
            PackedRecord* record = _entries + entry;
            if (!isPlaced[entry] && record->State == RecordState.Retired && RecordStateWord.Pins(record->StateWord) != 0)
            {
                isPlaced[entry] = true;
                isPlaced[record->SizeEntry] = true;
            }
        }

        int lost = Array.IndexOf(isPlaced, false);
        return lost < 0 ? null : Broken(1, lost);
    }

    private string? CheckCounters(long live, long liveBytes, long forks)
    {
        RecordCounters counters = ReadCounters();
        return counters.LiveBlocks != live || counters.LiveBytes != liveBytes ? Broken(4, live)
            : ForkCount != forks ? Broken(2, forks)
            : null;
    }

    /// <summary>Windows that became forks.</summary>
    internal long ForkCount
    {
        get
        {
            long forks = 0;
            for (int i = 0; i < Math.Max(_header->StripesUsed, 1); i++)
            {
                forks += _stripes[i].Forks;
            }

            return forks;
        }
    }

    private static bool TryPlace(bool[] isPlaced, uint entry)
    {
        bool isFirst = entry < isPlaced.Length && !isPlaced[entry];
        isPlaced[isFirst ? entry : 0] = true;
        return isFirst;
    }

    private static string Broken(int number, long detail)
        => string.Create(CultureInfo.InvariantCulture, $"invariant {number} is broken ({detail})");
}
