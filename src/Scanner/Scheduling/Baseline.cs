// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: makes today's leaks the baseline.
// Who calls it: the scanner thread, for LeakDetector.Clear, while the list of the scan is still there.
// The one idea: kmemleak's "clear": a leak that is known is not told again, but its block is still read, so that what it
// points to is not called lost because of it.
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Verdicts;

namespace NativeLeak.Scheduling;

/// <summary>The blocks that are known to be lost.</summary>
internal static class Baseline
{
    /// <summary>Gives every block of the list that is still the same the hint NotLeak. A block that was freed since the
    /// scan, or freed and allocated again, is left alone.</summary>
    public static void Take(ReadOnlySpan<LostBlock> lost)
    {
        foreach (ref readonly LostBlock block in lost)
        {
            if (block.Verdict is Verdict.Definite or Verdict.Indirect or Verdict.Possible)
            {
                using EpochGuard guard = RecordTable.EnterGuard();
                if (RecordTable.TryFind(in guard, block.Address, out RecordHandle found))
                {
                    using RecordHandle same = found;
                    // The birth of a list's entry is completed beyond the bits that a record keeps.
                    if ((same.Record.Ordinal ^ block.Ordinal) << (64 - PackedRecord.OrdinalBits) == 0)
                    {
                        same.TryChangeFlags(BlockFlags.NotLeak, BlockFlags.None);
                    }
                }
            }
        }
    }
}
