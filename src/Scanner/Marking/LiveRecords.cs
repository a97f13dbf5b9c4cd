// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the live blocks as a scan of the living process sees them: a list, and a copy of each one's record.
// Who calls it: ConcurrentPass, before threads are looked at; Marker between pieces of a large block; SuspectList at the end.
// The one idea: each record is copied under its pin, at its own index, so all that reads records reads the copy and nothing
// in it changes; that a block is still the same is told by its record, which is another one's when the block is gone.
// Safety: the copy has room for every index below the high water it was made for; entries above are left out.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Records;
using NativeLeak.NativeHeap.Reclamation;

namespace NativeLeak.Marking;

/// <summary>The record table of the living process, copied. One scan's; released by its owner.</summary>
internal sealed unsafe class LiveRecords : IDisposable
{
    // A guard is held for so many steps: what is freed meanwhile waits for it.
    private const int StepsPerGuard = 64;

    private readonly uint _highWater = RecordTable.HighWater;
    private nuint _pages;
    private nuint _byteCount;

    private nuint CopyByteCount => ((nuint)_highWater + 1) * PackedRecord.ByteCount;

    /// <summary>Lists the blocks that are live now and fills in what the scan needs. False without memory.</summary>
    public bool TryCollect(ScanContext* scan)
    {
        nuint n = (nuint)_highWater + 1;
        IPageSource pages = Platform.Pages;
        _byteCount = (CopyByteCount + (n * (nuint)(sizeof(nuint) + sizeof(uint))) + pages.PageByteCount) & ~(pages.PageByteCount - 1);

        // Shared pages: room for all, used only as far as blocks are live.
        _pages = pages.AllocateShared(_byteCount);
        if (_pages == 0)
        {
            return false;
        }

        scan->LiveRecords = RecordTable.Freeze();
        scan->Records = scan->LiveRecords;
        scan->Records.HighWater = _highWater;
        scan->Records.Entries = (PackedRecord*)_pages;
        scan->GivenStarts = (nuint*)(_pages + CopyByteCount);
        scan->GivenRecords = (uint*)(scan->GivenStarts + n);
        scan->GivenCount = 0;
        nuint address = 0;
        while (RecordTable.IsInitialized && CollectSome(scan, ref address))
        {
        }

        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_pages != 0)
        {
            Platform.Pages.Release(_pages, _byteCount);
            _pages = 0;
        }
    }

    // False at the end.
    private bool CollectSome(ScanContext* scan, ref nuint address)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        for (int step = 0; step < StepsPerGuard; step++)
        {
            if (!RecordTable.TryFindNext(in guard, ref address, nuint.MaxValue, out RecordHandle found))
            {
                return false;
            }

            using (found)
            {
                if (found.Index < _highWater && scan->GivenCount < _highWater)
                {
                    Copy(scan, found.Index);
                    scan->GivenStarts[scan->GivenCount] = address;
                    scan->GivenRecords[scan->GivenCount++] = found.Index;
                }
            }

            address++;
        }

        return true;
    }

    // Under the pin: nothing of the record changes but pins and hints, and its size entry lives as long as it does.
    private void Copy(ScanContext* scan, uint index)
    {
        PackedRecord* from = scan->LiveRecords.Entries + index, to = scan->Records.Entries + index;
        *to = *from;
        uint size = to->SizeEntry;
        if (size != 0 && size <= _highWater)
        {
            scan->Records.Entries[size] = scan->LiveRecords.Entries[size];
        }
    }
}
