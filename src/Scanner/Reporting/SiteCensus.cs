// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: counts the live blocks of each site while the program runs.
// Who calls it: RecorderFacts for the reports of level count.
// The one idea: the cursor pins each record it shows, so its fields hold still while they are read: no lock, no stopped
// thread.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Reporting;

/// <summary>Counts live blocks. Blocks that come or go meanwhile are counted or not.</summary>
internal static class SiteCensus
{
    /// <summary>The live blocks of each site and API.</summary>
    public static IReadOnlyList<SiteCount> Take()
    {
        Dictionary<(uint Site, AllocationApi Api), BlockTotal> totals = [];
        using RecordCursor cursor = RecordTable.StartCursor();
        while (cursor.TryNext())
        {
            BlockRecord record = cursor.Current;
            ref BlockTotal total = ref CollectionsMarshal.GetValueRefOrAddDefault(totals, (record.Site, record.Api), out _);
            total += new BlockTotal(1, (long)record.BlockByteCount);
        }

        return [.. totals.Select(static pair => new SiteCount(pair.Key.Site, pair.Key.Api, pair.Value))];
    }
}
