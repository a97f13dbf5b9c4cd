// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the child wrote LostCount complete entries, at most as many as the pages hold; the span dies with Dispose.
using NativeLeak.Interop;
using NativeLeak.Verdicts;

namespace NativeLeak.Marking;

/// <summary>The outcome of a scan whose lost blocks are in shared pages of ours.</summary>
internal sealed unsafe class NativeScanOutcome(nuint lost, nuint lostByteCount) : ScanOutcome
{
    private nuint _lost = lost;

    /// <inheritdoc/>
    public override ReadOnlySpan<LostBlock> Lost
        => _lost == 0 ? default : new ReadOnlySpan<LostBlock>((LostBlock*)_lost, checked((int)Counters.LostCount));

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (_lost != 0)
        {
            Platform.Pages.Release(_lost, lostByteCount);
            _lost = 0;
        }
    }
}
