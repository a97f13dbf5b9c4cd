// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Reporting;

namespace NativeLeak.Scanner.Tests.Misuse;

/// <summary>Two calls are called a mismatch only when nothing else is possible.</summary>
[TestFixture]
internal sealed unsafe class FreeingNamesTests
{
    [Test]
    public void WhatTheStackShowsCounts()
        => Assert.That(Judge(AllocationApi.MarshalAllocCoTaskMem, Api("FreeHGlobal"), Own(nameof(FreesTwoWays))),
            Is.EqualTo(PairVerdict.Mismatch));

    [Test]
    public void AnInlinedCallOfAMethodThatFreesOneWayCounts()
        => Assert.That(Judge(AllocationApi.MarshalAllocCoTaskMem, Native("Free"), Own(nameof(FreesOneWay))),
            Is.EqualTo(PairVerdict.Mismatch));

    [Test]
    public void AnInlinedCallOfAMethodThatFreesTwoWaysIsNoGroundForAnAccusation()
        => Assert.That(Judge(AllocationApi.MarshalAllocCoTaskMem, Native("Free"), Own(nameof(FreesTwoWays))),
            Is.EqualTo(PairVerdict.Match));

    [Test]
    public void NorIsACallOfAHelperThatFreesAnotherWay()
        => Assert.That(Judge(AllocationApi.MarshalAllocCoTaskMem, Native("Free"), Own(nameof(FreesOneWayAndByHelper))),
            Is.EqualTo(PairVerdict.Match));

    [Test]
    public void TheRightFamilyMatches()
        => Assert.That(Judge(AllocationApi.MarshalStringToHGlobalAnsi, Native("Free"), Own(nameof(FreesOneWay))),
            Is.EqualTo(PairVerdict.Match));

    [Test]
    public void AStackWithoutNamesAccusesNobody()
        => Assert.That(Judge(AllocationApi.MarshalAllocCoTaskMem, new CallFrame(null, -1, 4711)), Is.EqualTo(PairVerdict.Match));

    [Test]
    public void BothEndsInsideTheFrameworkAreItsOwnBusiness()
    {
        CallFrame framework = new(typeof(List<int>).GetMethod("Clear"), 0);
        FreePair pair = new() { Api = AllocationApi.MarshalAllocCoTaskMem, FreeApi = FreeingApi.MarshalFreeHGlobal };
        Assert.That(MisuseCollector.Judge(in pair, [framework], [framework]), Is.EqualTo(PairVerdict.Match));
        Assert.That(MisuseCollector.Judge(in pair, [Own(nameof(FreesOneWay))], [framework]), Is.EqualTo(PairVerdict.Mismatch));
    }

    [TestCase((int)AllocationApi.NativeMemoryAlloc, (int)FreeingApi.NativeMemoryRealloc, ExpectedResult = (int)PairVerdict.Match)]
    [TestCase((int)AllocationApi.NativeMemoryRealloc, (int)FreeingApi.NativeMemoryFree, ExpectedResult = (int)PairVerdict.Open)]
    [TestCase((int)AllocationApi.Unknown, (int)FreeingApi.MarshalFreeBSTR, ExpectedResult = (int)PairVerdict.Open)]
    [TestCase((int)AllocationApi.MarshalStringToBSTR, (int)FreeingApi.MarshalZeroFreeBSTR, ExpectedResult = (int)PairVerdict.Match)]
    [TestCase((int)AllocationApi.MarshalStringToBSTR, (int)FreeingApi.MarshalFreeCoTaskMem, ExpectedResult = (int)PairVerdict.Mismatch)]
    [TestCase((int)AllocationApi.NativeMemoryAlignedAlloc, (int)FreeingApi.NativeMemoryFree, ExpectedResult = (int)PairVerdict.Mismatch)]
    public int ExactApisTellAtOnce(int api, int freeApi) => (int)FreePairs.Judge((AllocationApi)api, (FreeingApi)freeApi);

    [Test]
    public void EveryApiHasAFamilyOrIsAHintOrOneThatTheHookCannotTell()
    {
        Assert.That(Enum.GetValues<AllocationApi>().Where(api => HeapFamilies.Of(api) == HeapFamily.None),
            Is.EqualTo(new[]
            {
                AllocationApi.Unknown, AllocationApi.NativeMemoryRealloc, AllocationApi.LeakHintsAdopt, AllocationApi.BlockPoolAlloc,
            }));
        Assert.That(Enum.GetValues<FreeingApi>().Where(api => HeapFamilies.Of(api) == HeapFamily.None),
            Is.EqualTo(new[] { FreeingApi.Unknown, FreeingApi.UnknownRealloc }));
    }

    private static PairVerdict Judge(AllocationApi api, params CallFrame[] freed)
    {
        FreePair pair = new() { Api = api };
        return MisuseCollector.Judge(in pair, [Own(nameof(FreesOneWay))], freed);
    }

    private static CallFrame Own(string name)
        => new(typeof(FreeingNamesTests).GetMethod(name, BindingFlags.NonPublic | BindingFlags.Static), 0);

    private static CallFrame Api(string name) => new(typeof(Marshal).GetMethod(name), 0);

    private static CallFrame Native(string name) => new(typeof(NativeMemory).GetMethod(name), 0);

    private static void FreesOneWay(nint block) => Marshal.FreeHGlobal(block);

    private static void FreesTwoWays(nint block, bool isOther)
    {
        if (isOther)
        {
            Marshal.FreeHGlobal(block);
        }
        else
        {
            Marshal.FreeCoTaskMem(block);
        }
    }

    private static void FreesOneWayAndByHelper(nint block, nint other)
    {
        Marshal.FreeHGlobal(block);
        Helper(other);
    }

    private static void Helper(nint block) => Marshal.FreeCoTaskMem(block);
}
