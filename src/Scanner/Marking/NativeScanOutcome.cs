// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the child wrote LostCount complete entries, at most as many as the pages hold; the span dies with Dispose.
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.Reporting;
using NativeLeak.Verdicts;

namespace NativeLeak.Marking;

/// <summary>The outcome of a scan whose lost blocks are in shared pages of ours.</summary>
internal sealed unsafe class NativeScanOutcome(nuint lost, nuint lostByteCount, nuint details, nuint detailByteCount)
    : ScanOutcome
{
    private nuint _lost = lost;

    /// <inheritdoc/>
    public override ReadOnlySpan<LostBlock> Lost
        => _lost == 0 ? default : new ReadOnlySpan<LostBlock>((LostBlock*)_lost, checked((int)Counters.LostCount));

    /// <inheritdoc/>
    public override ReadOnlySpan<LostDetail> Details
        => details == 0 || _lost == 0 ? default : new ReadOnlySpan<LostDetail>((LostDetail*)details, checked((int)Counters.LostCount));

    /// <inheritdoc/>
    public override ScanOutcome Within(uint check)
    {
        if (check == 0 || _lost == 0)
        {
            return this;
        }

        // In place: the list holds addresses, which must not get into managed memory.
        LostBlock* list = (LostBlock*)_lost;
        ScanCounters counters = Counters with { Definite = default, Indirect = default, Possible = default, Young = default };
        long kept = 0;
        for (long i = 0; i < Counters.LostCount; i++)
        {
            if (CheckScopes.IsWithin(BlockNotes.CheckOf(list[i]), check))
            {
                list[kept] = list[i];
                if (details != 0)
                {
                    ((LostDetail*)details)[kept] = ((LostDetail*)details)[i];
                }

                Count(ref counters, in list[kept++]);
            }
        }

        counters.LostCount = kept;
        NativeScanOutcome narrowed = new(_lost, lostByteCount, details, detailByteCount)
        {
            Number = Number,
            StartedAt = StartedAt,
            Duration = Duration,
            Snapshot = Snapshot,
            Counters = counters,
            Manner = Manner,
            ManagedHeap = ManagedHeap,
            ManagedHeapReason = ManagedHeapReason,
            Answer = Answer,
            SampleInterval = SampleInterval,
        };
        _lost = 0;
        return narrowed;
    }

    /// <summary>Mean number of bytes between two recorded blocks; 0: every block is recorded.</summary>
    public long SampleInterval { get; init; }

    private void Count(ref ScanCounters counters, in LostBlock block)
    {
        ref KindTotal total = ref counters.Young;
        switch (block.Verdict)
        {
            case Verdict.Definite: total = ref counters.Definite; break;
            case Verdict.Indirect: total = ref counters.Indirect; break;
            case Verdict.Possible: total = ref counters.Possible; break;
        }

        total.Blocks++;
        total.Bytes += (long)block.BlockByteCount;
        SampleWeight.Add(ref total.Estimate, block.BlockByteCount, SampleInterval);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (_lost != 0)
        {
            Platform.Pages.Release(_lost, lostByteCount);
            _lost = 0;
            Platform.Pages.Release(details, details == 0 ? 0 : detailByteCount);
        }
    }
}
