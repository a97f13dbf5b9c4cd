// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;
using System.Runtime.Loader;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Allocation;

[TestFixture]
[NonParallelizable]
internal sealed class SiteDepotTests
{
    [OneTimeSetUp]
    public void StartRecording()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
    }

    [TearDown]
    public void RemoveHook() => SiteDepot.TestHookCapture = null;

    [Test]
    public void TheSameStackHasTheSameSite()
    {
        uint[] sites = new uint[3];
        for (int i = 0; i < sites.Length; i++)
        {
            sites[i] = InternHere(out _);
        }

        Assert.That(sites, Has.All.EqualTo(sites[0]));
        Assert.That(sites[0], Is.GreaterThan(SiteDepot.OthersSite));
    }

    [Test]
    public void TwoCallsOnTwoLinesAreTwoSites()
    {
        int before = SiteDepot.Count;
        uint first = InternHere(out _);
        uint second = InternHere(out _);
        Assert.That(second, Is.Not.EqualTo(first));
        Assert.That(SiteDepot.Count, Is.GreaterThanOrEqualTo(before + 2));
    }

    [Test]
    public void TheNamesAreThoseOfTheStackInnermostFirstWithoutOurOwnFrames()
    {
        uint site = Outer();
        SiteStack stack = SiteDepot.GetStack(site)!;
        string[] names = [.. stack.Frames.Select(frame => frame.Method!.Name)
            .SkipWhile(static name => name == nameof(InternHere)).Take(3)];
        Assert.That(names, Is.EqualTo(new[]
        {
            nameof(Inner), nameof(Outer),
            nameof(TheNamesAreThoseOfTheStackInnermostFirstWithoutOurOwnFrames),
        }));
        Assert.That(stack.Frames[0].ILOffset, Is.GreaterThanOrEqualTo(0));
        Assert.That(stack.Frames.Select(frame => frame.Method?.Module.Assembly),
            Has.None.EqualTo(typeof(SiteDepot).Assembly));
    }

    [Test]
    public void TheAddressesAreThoseThatWereWalked()
    {
        uint site = Outer();
        nuint[] ips = new nuint[StackWalker.MaximumDepth];
        SiteDepot.GetFrames(site, ips, out int count);
        Assert.That(count, Is.InRange(3, SiteDepot.Depth));
        Assert.That(ips.Take(count), Has.All.GreaterThan((nuint)4096));
        SiteDepot.GetFrames(site, ips.AsSpan(0, 2), out int few);
        Assert.That(few, Is.EqualTo(2));
        SiteDepot.GetFrames(SiteDepot.UnknownSite, ips, out int none);
        Assert.That(none, Is.Zero);
        SiteDepot.GetFrames(uint.MaxValue, ips, out none);
        Assert.That(none, Is.Zero);
    }

    [Test]
    public void AStackDeeperThanTheKeyShowsNoFrameTheKeyCannotVouchFor()
    {
        uint site = Recurse(60);
        Assert.That(SiteDepot.GetStack(site)!.Frames, Has.Count.EqualTo(SiteDepot.Depth));
        Assert.That(SiteDepot.GetStack(site)!.Frames.Skip(1).Select(frame => frame.Method!.Name),
            Has.All.EqualTo(nameof(Recurse)));
    }

    [Test]
    public void ReservedAndForeignSitesHaveNoNames()
    {
        Assert.That(SiteDepot.GetStack(SiteDepot.UnknownSite), Is.Null);
        Assert.That(SiteDepot.GetStack(SiteDepot.OthersSite), Is.Null);
        Assert.That(SiteDepot.GetStack(uint.MaxValue), Is.Null);
    }

    [Test]
    public void ADynamicMethodIsKeptByNameOnly()
    {
        Func<Func<uint>, uint> call = Dynamic("MakesABlock");
        uint found = call(() => InternHere(out _));
        SiteFrame frame = SiteDepot.GetStack(found)!.Frames.Single(candidate => candidate.Method is null);
        Assert.That(frame.Name, Is.EqualTo("MakesABlock"));
        Assert.That(frame.AssemblyName, Is.EqualTo("NativeLeak.NativeHeap.Tests"));
    }

    [Test]
    public void ACollectibleAssemblyCanBeUnloadedAfterItAllocated()
    {
        uint site = AllocateFromCollectible(out WeakReference context);
        for (int i = 0; i < 20 && context.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.That(context.IsAlive, Is.False, "the depot holds the assembly");
        SiteFrame frame = SiteDepot.GetStack(site)!.Frames.First(candidate => candidate.Method is null);
        Assert.That(frame.Name, Does.EndWith("CollectibleCaller.Call"));
        Assert.That(frame.AssemblyName, Is.EqualTo("NativeLeak.NativeHeap.Tests"));
    }

    [Test]
    public void BstrAllocationsAreRecognisedByTheInnermostRuntimeFrame()
    {
        const BindingFlags All = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;
        MethodBase allocBstr = typeof(Marshal).GetMethod("AllocBSTR", All)!;
        MethodBase stringToBstr = typeof(Marshal).GetMethod(nameof(Marshal.StringToBSTR))!;
        MethodBase marshaller = typeof(BStrStringMarshaller).GetMethod("ConvertToUnmanaged")!;
        MethodBase alloc = typeof(NativeMemory).GetMethod(nameof(NativeMemory.Alloc), [typeof(nuint)])!;
        MethodBase shim = typeof(object).Assembly.GetType("Interop+Sys")!.GetMethods(All)
            .First(method => method.Name == "Malloc");
        MethodBase ours = typeof(SiteDepotTests).GetMethod(nameof(NotABSTRAtAll), All)!;
        Assert.That(SiteStack.Of(allocBstr, stringToBstr).IsBstr);
        Assert.That(SiteStack.Of(shim, stringToBstr, ours).IsBstr);
        Assert.That(SiteStack.Of(marshaller, ours).IsBstr);
        Assert.That(SiteStack.Of(alloc, stringToBstr).IsBstr, Is.False, "NativeMemory returns the block's own start");
        Assert.That(SiteStack.Of(ours, stringToBstr).IsBstr, Is.False, "not the runtime's method");
        Assert.That(SiteStack.Of().IsBstr, Is.False);
    }

    [Test]
    public void EveryBlockOfABstrSiteCarriesTheFlagTheFirstIncluded()
    {
        SiteDepot.TestHookCapture = static () => SiteStack.Of(typeof(Marshal).GetMethod(nameof(Marshal.StringToBSTR))!);
        BlockFlags[] flags = new BlockFlags[3];
        for (int i = 0; i < flags.Length; i++)
        {
            InternHere(out flags[i]);
        }

        Assert.That(flags, Has.All.EqualTo(BlockFlags.BstrPrefixed));
    }

    [Test]
    public void AStackTraceThatThrowsLeavesANamelessSiteAndNoException()
    {
        int calls = 0;
        SiteDepot.TestHookCapture = () =>
        {
            calls++;
            throw new InvalidOperationException("no stack today");
        };
        uint[] sites = new uint[3];
        for (int i = 0; i < sites.Length; i++)
        {
            sites[i] = InternHere(out _);
        }

        Assert.That(sites, Has.All.EqualTo(sites[0]));
        Assert.That(SiteDepot.GetStack(sites[0]), Is.Null);
        Assert.That(calls, Is.EqualTo(1), "it is not tried for ever");
        Assert.That(DetectorThread.IsInside, Is.False);
    }

    [Test]
    public void AllocationsMadeWhileAStackIsNamedAreNotRecorded()
    {
        bool inside = false;
        SiteDepot.TestHookCapture = () =>
        {
            inside = DetectorThread.IsInside;
            return null;
        };
        InternHere(out _);
        Assert.That(inside);
    }

    [Test]
    public void ManyThreadsThatMeetANewStackAgreeOnItsSite()
    {
        const int Threads = 8;
        for (int round = 0; round < 20; round++)
        {
            uint[] sites = new uint[Threads];
            nuint address = 0x7000_0000 + ((nuint)(uint)round * 8) + (nuint)(uint)Environment.ProcessId;
            using Barrier barrier = new(Threads);
            Thread[] threads = new Thread[Threads];
            for (int i = 0; i < Threads; i++)
            {
                int number = i;
                threads[i] = new Thread(() =>
                {
                    barrier.SignalAndWait();
                    sites[number] = SiteDepot.Intern(new AllocationCall(0, address, 0), StackWalker.StackEnd, out _);
                });
                threads[i].Start();
            }

            foreach (Thread thread in threads)
            {
                thread.Join();
            }

            Assert.That(sites, Has.All.EqualTo(sites[0]));
            Assert.That(SiteDepot.GetStack(sites[0]), Is.Not.Null);
        }
    }

    [Test]
    public void BeyondTheBoundManyThreadsShareOneHonestSite()
    {
        const int Threads = 8;
        const int Each = 200;
        const int Room = 50;
        uint known = Outer();
        long others = SiteDepot.OthersCount;
        SiteDepot.TestHookLimit(SiteDepot.Count + Room);
        try
        {
            uint[] sites = new uint[Threads * Each];
            Thread[] threads = new Thread[Threads];
            for (int i = 0; i < Threads; i++)
            {
                int start = i * Each;
                threads[i] = new Thread(() =>
                {
                    for (int k = start; k < start + Each; k++)
                    {
                        nuint address = 0x7F00_0000 + ((nuint)(uint)k * 16);
                        sites[k] = SiteDepot.Intern(new AllocationCall(0, address, 0), StackWalker.StackEnd, out _);
                    }
                });
                threads[i].Start();
            }

            foreach (Thread thread in threads)
            {
                thread.Join();
            }

            int shared = sites.Count(static site => site == SiteDepot.OthersSite);
            uint[] own = [.. sites.Where(static site => site != SiteDepot.OthersSite)];
            Assert.That(own, Has.Length.LessThanOrEqualTo(Room));
            Assert.That(own, Is.Unique);
            Assert.That(own, Has.All.LessThan(1u << 20));
            Assert.That(SiteDepot.OthersCount - others, Is.EqualTo(shared));
            Assert.That(Outer(), Is.EqualTo(known).Or.EqualTo(SiteDepot.OthersSite), "known stacks stay known");
        }
        finally
        {
            SiteDepot.TestHookLimit(SiteDepot.MaximumSiteCount);
        }
    }

    [Test]
    public void ADynamicMethodThatLivesKeepsItsSiteAndOneThatIsGoneDoesNotLendItsName()
    {
        Func<Func<uint>, uint> living = Dynamic("Living");
        uint[] sites = new uint[6];
        for (int i = 0; i < sites.Length; i++)
        {
            sites[i] = living(static () => InternHere(out _));
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.That(sites, Has.All.EqualTo(sites[0]));
        for (int i = 0; i < 30; i++)
        {
            string name = "Passing" + i;
            uint site = CallOnce(name);
            Assert.That(SiteDepot.GetStack(site)!.Frames.Single(frame => frame.Method is null).Name, Is.EqualTo(name));
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        GC.KeepAlive(living);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint CallOnce(string name) => Dynamic(name)(static () => InternHere(out _));

    private static Func<Func<uint>, uint> Dynamic(string name)
    {
        DynamicMethod dynamic = new(name, typeof(uint), [typeof(Func<uint>)], typeof(SiteDepotTests).Module);
        ILGenerator il = dynamic.GetILGenerator();
        LocalBuilder site = il.DeclareLocal(typeof(uint));
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Callvirt, typeof(Func<uint>).GetMethod("Invoke")!);
        // A local after the call keeps the call from being a tail call.
        il.Emit(OpCodes.Stloc, site);
        il.Emit(OpCodes.Ldloc, site);
        il.Emit(OpCodes.Ret);
        return dynamic.CreateDelegate<Func<Func<uint>, uint>>();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static uint InternHere(out BlockFlags flags)
    {
        AllocationCall call = StackWalker.Caller();
        uint site = SiteDepot.Intern(in call, StackWalker.StackEnd, out flags);
        GC.KeepAlive(site);
        return site;
    }

    internal static void NotABSTRAtAll()
    {
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Inner()
    {
        uint site = InternHere(out _);
        GC.KeepAlive(site);
        return site;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Outer()
    {
        uint site = Inner();
        GC.KeepAlive(site);
        return site;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Recurse(int depth)
    {
        uint site = depth == 0 ? InternHere(out _) : Recurse(depth - 1);
        GC.KeepAlive(site);
        return site;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint AllocateFromCollectible(out WeakReference context)
    {
        AssemblyLoadContext load = new("collectible", isCollectible: true);
        context = new WeakReference(load);
        Assembly copy = load.LoadFromAssemblyPath(typeof(SiteDepotTests).Assembly.Location);
        Func<uint> intern = static () => InternHere(out _);
        uint site = (uint)copy.GetType(typeof(CollectibleCaller).FullName!)!.GetMethod(nameof(CollectibleCaller.Call))!
            .Invoke(null, [intern])!;
        load.Unload();
        return site;
    }
}
