// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace HookDriver;

/// <summary>What the recorder has seen so far.</summary>
internal readonly record struct Counts(long LiveBlocks, long UnknownFrees, long Allocated)
{
    public static Counts Now
    {
        get
        {
            RecordCounters now = RecordTable.Counters;
            return new Counts(now.LiveBlocks, now.UnknownFrees, now.Allocated);
        }
    }

    public static Counts operator -(Counts later, Counts earlier) => new(
        later.LiveBlocks - earlier.LiveBlocks,
        later.UnknownFrees - earlier.UnknownFrees,
        later.Allocated - earlier.Allocated);
}
