// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the record table as the frozen world reads it: all live blocks in order of address.
// Who calls it: the scanner fills it in before the clone; BlockIndexBuilder walks it in the child.
// The one idea: a record's index enters a slot after the record is complete and leaves it before the record changes, so
// whatever a frozen slot names is a complete live record; and slots lie in order of address, so nothing is sorted.
// Safety: as for FrozenIndex; arrays hold as many entries as the caller says.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Records;

/// <summary>Plain pointers into a record table. All zero = no table.</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct FrozenRecords
{
    /// <summary>The entry with index 0.</summary>
    public PackedRecord* Entries;

    /// <summary>Every index in use is below: a bound for the number of live blocks.</summary>
    public uint HighWater;

    /// <summary>The index of 16-aligned addresses.</summary>
    public FrozenIndex Aligned;

    /// <summary>The index of all others.</summary>
    public FrozenIndex Odd;

    /// <summary>Writes the starts and record indices of all live blocks, lowest address first.</summary>
    /// <param name="frozen">The table.</param>
    /// <param name="starts">Receives addresses.</param>
    /// <param name="records">Receives indices.</param>
    /// <param name="oddStarts">Room for the odd ones, used only when there are any.</param>
    /// <param name="oddRecords">As above.</param>
    /// <param name="capacity">Room in each of the four.</param>
    /// <param name="progress">Raised now and then.</param>
    /// <returns>How many were written.</returns>
    [MethodImpl(ChildCode.Options)]
    public static uint Collect(FrozenRecords* frozen, nuint* starts, uint* records, nuint* oddStarts, uint* oddRecords,
        uint capacity, ref long progress)
    {
        uint aligned = 0, odd = 0;
        FrozenIndex.Collect(&frozen->Aligned, frozen->Entries, starts, records, ref aligned, capacity, ref progress);
        FrozenIndex.Collect(&frozen->Odd, frozen->Entries, oddStarts, oddRecords, ref odd, capacity - aligned,
            ref progress);

        // Both are sorted: merged from the top down, in place.
        uint total = aligned + odd;
        uint left = aligned, at = total;
        while (odd > 0)
        {
            at--;
            if (left > 0 && starts[left - 1] > oddStarts[odd - 1])
            {
                left--;
                starts[at] = starts[left];
                records[at] = records[left];
            }
            else
            {
                odd--;
                starts[at] = oddStarts[odd];
                records[at] = oddRecords[odd];
            }
        }

        return total;
    }
}
