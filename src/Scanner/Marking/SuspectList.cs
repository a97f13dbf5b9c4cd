// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the blocks that every look so far found unreachable, with the same content; and the report's list cut down to
// them.
// Who calls it: ConcurrentScan, after each look.
// The one idea: a block that one look saw reachable, or changed, or gone, is not lost, whatever the others saw; and what hung
// from it is not either.
// Safety: the lists are pages of ours; the context's list holds LostCount complete entries, and as many details.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Records;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.Verdicts;

namespace NativeLeak.Marking;

/// <summary>Suspects of one scan. In pages of ours, since they are addresses. Cost of a look: a sort.</summary>
internal sealed unsafe class SuspectList : IDisposable
{
    private const ulong OrdinalMask = (1ul << PackedRecord.OrdinalBits) - 1;

    private Suspect* _items;
    private nuint _byteCount;
    private int _count;
    private bool _isAny;

    /// <summary>How many are left.</summary>
    public int Count => _count;

    /// <summary>Takes in what a look found.</summary>
    /// <returns>How many it cleared; −1 without memory for the list.</returns>
    public int Narrow(ScanContext* context)
    {
        long listed = context->Counters->LostCount;
        nuint byteCount = ((((nuint)listed + 1) * (nuint)sizeof(Suspect)) + 4095) & ~(nuint)4095;
        Suspect* found = (Suspect*)Platform.Pages.AllocateShared(byteCount);
        if (found == null)
        {
            return -1;
        }

        int count = 0;
        for (long i = 0; i < listed; i++)
        {
            LostBlock* block = context->Lost + i;
            Suspect suspect = new(block->Address, block->Ordinal & OrdinalMask, block->Checksum);
            if (IsAccused(block->Verdict) && (!_isAny || Contains(suspect)))
            {
                found[count++] = suspect;
            }
        }

        new Span<Suspect>(found, count).Sort();
        int cleared = _isAny ? _count - count : 0;
        Dispose();
        _items = found;
        (_byteCount, _count, _isAny) = (byteCount, count, true);
        return cleared;
    }

    /// <summary>Leaves in the list what is suspect and still there. The rest counts as reachable; what is gone, not at all.</summary>
    public void Confirm(ScanContext* context)
    {
        ScanCounters* counters = context->Counters;
        int listed = (int)counters->LostCount;
        // Where each entry goes; −1: nowhere. Leaders come before what hangs from them.
        int[] places = new int[listed];
        int kept = 0;
        for (int i = 0; i < listed; i++)
        {
            LostBlock* block = context->Lost + i;
            bool isThere = IsThere(block->Address, block->Ordinal);
            bool isLed = block->Verdict != Verdict.Indirect || (block->Leader < (uint)i && places[block->Leader] >= 0);
            bool isKept = isThere && (!IsAccused(block->Verdict) || (isLed && Contains(new Suspect(block->Address, block->Ordinal & OrdinalMask, block->Checksum))));
            places[i] = isKept ? kept++ : -1;
            if (!isKept)
            {
                Acquit(context, block, isThere, places);
            }
            else if (places[i] != i || block->Verdict == Verdict.Indirect)
            {
                block->Leader = block->Verdict == Verdict.Indirect ? (uint)places[block->Leader] : block->Leader;
                context->Lost[places[i]] = *block;
                if (context->LostDetails != null)
                {
                    context->LostDetails[places[i]] = context->LostDetails[i];
                }
            }
        }

        counters->LostCount = kept;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_items != null)
        {
            Platform.Pages.Release((nuint)_items, _byteCount);
            _items = null;
        }
    }

    private static bool IsAccused(Verdict verdict) => verdict is Verdict.Definite or Verdict.Indirect or Verdict.Possible;

    private static bool IsThere(nuint address, ulong ordinal)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        if (!RecordTable.TryFind(in guard, address, out RecordHandle found))
        {
            return false;
        }

        using (found)
        {
            return ((found.Record.Ordinal ^ ordinal) & OrdinalMask) == 0 && found.IsLive;
        }
    }

    private static void Acquit(ScanContext* context, LostBlock* block, bool isThere, int[] places)
    {
        ScanCounters* counters = context->Counters;
        if (block->Verdict == Verdict.Indirect && block->Leader < (uint)places.Length && places[block->Leader] >= 0)
        {
            LostBlock* leader = context->Lost + places[block->Leader];
            leader->IndirectBlocks--;
            leader->IndirectBytes -= block->BlockByteCount;
        }

        Move(block->Verdict switch
        {
            Verdict.Definite => &counters->Definite,
            Verdict.Indirect => &counters->Indirect,
            Verdict.Possible => &counters->Possible,
            _ => &counters->Young,
        }, isThere ? &counters->Reachable : null, block, context->SampleInterval);
        counters->Live.Blocks -= isThere ? 0 : 1;
        counters->Live.Bytes -= isThere ? 0 : (long)block->BlockByteCount;
    }

    private static void Move(KindTotal* from, KindTotal* to, LostBlock* block, double sampleInterval)
    {
        from->Blocks--;
        from->Bytes -= (long)block->BlockByteCount;
        SampleWeight.Take(ref from->Estimate, block->BlockByteCount, sampleInterval);
        if (to != null)
        {
            to->Blocks++;
            to->Bytes += (long)block->BlockByteCount;
            SampleWeight.Add(ref to->Estimate, block->BlockByteCount, sampleInterval);
        }
    }

    private bool Contains(in Suspect suspect) => new ReadOnlySpan<Suspect>(_items, _count).BinarySearch(suspect) >= 0;

    // A block: its address, its place in the order of allocation, its content.
    private readonly record struct Suspect(nuint Address, ulong Ordinal, ulong Checksum) : IComparable<Suspect>
    {
        public int CompareTo(Suspect other)
        {
            int byAddress = Address.CompareTo(other.Address), byOrdinal = Ordinal.CompareTo(other.Ordinal);
            return byAddress != 0 ? byAddress : byOrdinal != 0 ? byOrdinal : Checksum.CompareTo(other.Checksum);
        }
    }
}
