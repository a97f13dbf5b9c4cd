// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Interception;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Reporting;

namespace NativeLeak.Scanner.Tests.Reporting;

/// <summary>
/// One line of source whose methods are compiled in tier 0, replaced on the stack, and compiled in tier 1: many sites,
/// one group with one fingerprint.
/// </summary>
[TestFixture]
internal sealed class TierMergeTests
{
    private const int Turns = 150_000;
    private const int Often = 1_000;
    private const int Attempts = 3_000;
    private const int EnoughSites = 8;

    private static readonly HashSet<uint> s_sites = [];

    private interface IAllocates
    {
        long Go();
    }

    [OneTimeSetUp]
    public void StartRecording()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
    }

    [Test]
    public void OneLineIsOneGroupWhateverTierItsMethodsWereIn()
    {
        s_sites.Clear();
        IAllocates through = new Explicit();
        // From one line, so that only the methods below differ. Tier 1 comes after a while.
        for (int i = 0; i < Attempts && !IsEnough(); i++)
        {
            GC.KeepAlive(i % 2 == 0 ? Loop(i < 2 ? Turns : Often + 1) : through.Go());
            Thread.Sleep(i < 70 ? 0 : 5);
        }

        SiteIndex index = new(new RecorderFacts(InterceptionTier.None, "", DetectorLevel.On));
        ReportedSite[] lines = [.. s_sites.Select(site => index.Get(site, AllocationApi.MarshalAllocHGlobal)).Distinct()];
        string[] prints = [.. lines.Select(line => Fingerprint.Compute(line.Allocator, line.Frames)).Distinct()];
        Assert.Multiple(() =>
        {
            Assert.That(IsEnough(), "the tiers did not take part: this proves nothing");
            Assert.That(lines, Has.Length.EqualTo(2), "the loop, and the interface");
            Assert.That(prints, Has.Length.EqualTo(2));
        });
    }

    // Tier 0, replaced, tier 1: and the thunk both seen and left.
    private static bool IsEnough()
    {
        if (s_sites.Count < EnoughSites)
        {
            return false;
        }

        int[] thunks = [.. s_sites.Select(static site => SiteDepot.GetStack(site)!.Frames)
            .Where(static frames => frames[0].Method!.Name == nameof(Base.Go))
            .Select(static frames => frames.Count(static frame => InterfaceThunk.Is(frame.Method))).Distinct()];
        return thunks.Length == 2;
    }

    [Test]
    public void OnlyExplicitImplementationsThatDoNothingElseAreThunks()
    {
        const System.Reflection.BindingFlags All = System.Reflection.BindingFlags.Instance
            | System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Public;
        string name = typeof(IAllocates).FullName!.Replace('+', '.') + ".Go";
        Assert.Multiple(() =>
        {
            Assert.That(InterfaceThunk.Is(typeof(Explicit).GetMethod(name, All)));
            Assert.That(InterfaceThunk.Is(typeof(DoesMore).GetMethod(name, All)), Is.False);
            Assert.That(InterfaceThunk.Is(typeof(Base).GetMethod(nameof(Base.Go))), Is.False);
            Assert.That(InterfaceThunk.Is(null), Is.False);
        });
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Loop(int turns)
    {
        long sum = 0;
        for (int i = 1; i < turns; i++)
        {
            sum += i % Often == 0 ? Middle() : 1;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Middle() => Note() + 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Note()
    {
        AllocationCall call = Call();
        s_sites.Add(SiteDepot.Intern(in call, StackWalker.StackEnd, out _));
        return 1;
    }

    // Always the caller's caller's address, however this is compiled.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static unsafe AllocationCall Call()
    {
        AllocationCall own = StackWalker.Caller();
        nuint* frame = (nuint*)own.FramePointer;
        return new AllocationCall(frame[0], frame[1], (nuint)(frame + 2));
    }

    private class Base
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public long Go() => Note() + 2;
    }

    // The thunk: tier 1 leaves it by a jump, or never enters it.
    private sealed class Explicit : Base, IAllocates
    {
        long IAllocates.Go() => Go();
    }

    private sealed class DoesMore : Base, IAllocates
    {
        long IAllocates.Go() => Go() + 1;
    }
}
