// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what the recorder found wrong so far, with the frames of each site; judges pairs of allocation and free.
// Who calls it: RecorderFacts, for every report.
// The one idea: a pair is judged once, when names can be looked up in peace, and its verdict goes back to the recorder.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;

namespace NativeLeak.Reporting;

/// <summary>Collects misuse. Called on the scanner thread; callers elsewhere see a complete list too.</summary>
/// <param name="facts">Where frames come from.</param>
internal sealed class MisuseCollector(IReportFacts facts)
{
    /// <summary>Everything found since the start.</summary>
    public IReadOnlyList<FoundMisuse> Collect()
    {
        List<FoundMisuse> found = [];
        foreach (MisuseEntry entry in MisuseDetector.Collect())
        {
            found.Add(new FoundMisuse(entry, Frames(entry.FreeSite), Frames(entry.Site),
                FreeGate.KeepsStacks ? Frames(entry.FirstFreeSite) : Certain(Frames(entry.FirstFreeSite))));
        }

        int count = FreePairs.Count;
        for (int i = 0; i < count; i++)
        {
            FreePair pair = FreePairs.Get(i);
            if (pair.Verdict == (int)PairVerdict.Match)
            {
                continue;
            }

            IReadOnlyList<CallFrame> allocated = Frames(pair.Site), freed = Frames(pair.FreeSite);
            freed = pair.IsShort ? Certain(freed) : freed;
            if (pair.Verdict == (int)PairVerdict.Open)
            {
                pair.Verdict = (int)Judge(in pair, allocated, freed);
                FreePairs.SetVerdict(i, (PairVerdict)pair.Verdict);
            }

            if (pair.Verdict == (int)PairVerdict.Mismatch)
            {
                found.Add(new FoundMisuse(ToEntry(in pair), freed, allocated, []));
            }
        }

        return found;
    }

    /// <summary>Whether two calls can belong together. In doubt they do.</summary>
    internal static PairVerdict Judge(in FreePair pair, IReadOnlyList<CallFrame> allocated, IReadOnlyList<CallFrame> freed)
    {
        if (FreeingNames.IsByFramework(allocated) && FreeingNames.IsByFramework(freed))
        {
            return PairVerdict.Match;
        }

        HeapFamily one = FreeingNames.FamiliesOf(pair.Api, allocated), other = FreeingNames.FamiliesOf(pair.FreeApi, freed);
        return one != HeapFamily.None && other != HeapFamily.None && (one & other) == HeapFamily.None
            ? PairVerdict.Mismatch
            : PairVerdict.Match;
    }

    private static MisuseEntry ToEntry(in FreePair pair) => new()
    {
        Code = MisuseCode.MismatchedFree,
        Address = pair.Address,
        BlockAddress = pair.Address,
        ByteCount = pair.ByteCount,
        Site = pair.Site,
        FreeSite = pair.FreeSite,
        Api = pair.Api,
        FreeApi = pair.FreeApi,
        Count = pair.Count,
    };

    // Only the innermost frames are those of this very free: up to the first that is not the API's own.
    private static IReadOnlyList<CallFrame> Certain(IReadOnlyList<CallFrame> frames)
        => [.. frames.Take(FreeingNames.CountApiFrames(frames) + 1)];

    private IReadOnlyList<CallFrame> Frames(uint site)
        => site <= SiteDepot.OthersSite ? [] : facts.GetFrames(site);
}
