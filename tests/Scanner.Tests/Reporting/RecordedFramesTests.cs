// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Interception;
using NativeLeak.Reporting;

namespace NativeLeak.Scanner.Tests.Reporting;

[TestFixture]
[NonParallelizable]
internal sealed class RecordedFramesTests
{
    private static readonly MethodBase s_api = typeof(Marshal).GetMethod("AllocHGlobal", [typeof(nint)])!;
    private static readonly MethodBase s_inner = typeof(NativeMemory).GetMethod("Alloc", [typeof(nuint)])!;
    private static readonly MethodBase s_self = typeof(RecordedFramesTests).GetMethod(nameof(AStackThatWasCutOffShowsWhatEveryTierReaches))!;

    [Test]
    public void AStackThatWasCutOffShowsWhatEveryTierReaches()
    {
        CallFrame[] callers = [.. Enumerable.Range(0, 16).Select(static offset => new CallFrame(s_self, offset))];
        List<CallFrame> early = [new(s_inner, 1), new(s_api, 2), .. callers[..14]];
        List<CallFrame> late = [new(s_inner, 1), .. callers[..15]];
        Assert.That(RecordedFrames.Cut(early, 16).Skip(2), Is.EqualTo(RecordedFrames.Cut(late, 16).Skip(1)));
        Assert.That(RecordedFrames.Cut(early, 16), Has.Count.EqualTo(14));
        Assert.That(RecordedFrames.Cut([.. callers[..1]], 1), Has.Count.EqualTo(1), "one frame is always left");
    }

    [Test]
    public void TheReportSaysHowManyAllocationsHaveNoStackOfTheirOwn()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
        RecorderFacts facts = new(InterceptionTier.Exports, "", DetectorLevel.On);
        long before = SiteDepot.OthersCount;
        SiteDepot.TestHookLimit(0);
        try
        {
            for (nuint i = 0; i < 3; i++)
            {
                AllocationCall call = new(0, 0x7E58_0000 + (i * 16) + (nuint)(uint)Environment.ProcessId, 0);
                Assert.That(SiteDepot.Intern(in call, StackWalker.StackEnd, out _), Is.EqualTo(SiteDepot.OthersSite));
            }

            Assert.That(SiteDepot.OthersCount, Is.EqualTo(before + 3));
            Assert.That(facts.Warnings, Has.One.StartsWith($"{before + 3} allocation(s) came from stacks beyond the first "));
            Assert.That(facts.GetFrames(SiteDepot.OthersSite), Is.Empty);
        }
        finally
        {
            SiteDepot.TestHookLimit(SiteDepot.MaximumSiteCount);
        }
    }
}
