// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Allocation;

/// <summary>
/// Optimised methods with one call get no frame, and a plain walk skips their callers: these must be told apart all the
/// same.
/// </summary>
[TestFixture]
internal sealed unsafe class FramelessMethodTests
{
    private static readonly List<(uint Site, ulong PlainHash)> s_seen = [];

    [OneTimeSetUp]
    public void StartRecording()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
    }

    [Test]
    public void TwoCallersOfAFramelessMethodAreTwoSites()
    {
        Assert.That(FrameLearner.IsAvailable, "the runtime no longer tells which method an address is in");
        delegate*<void>[] callers = [&First, &Second, &Deep, &First, &Second, &Deep];
        s_seen.Clear();
        foreach (delegate*<void> caller in callers)
        {
            // One call instruction for all, so that only the caller in between can tell them apart.
            caller();
        }

        Assert.That(FrameSizes.Count, Is.GreaterThan(0));
        Assert.That(s_seen[0].PlainHash, Is.EqualTo(s_seen[1].PlainHash),
            "the control: a plain walk must confuse the two, or this test proves nothing");
        Assert.That(s_seen[1].Site, Is.Not.EqualTo(s_seen[0].Site));
        Assert.That(s_seen.Skip(3).Select(seen => seen.Site), Is.EqualTo(s_seen.Take(3).Select(seen => seen.Site)));
        Assert.That(Names(s_seen[0].Site, 3), Is.EqualTo(new[] { nameof(Frameless), nameof(First), Here }));
        Assert.That(Names(s_seen[1].Site, 3), Is.EqualTo(new[] { nameof(Frameless), nameof(Second), Here }));
        Assert.That(Names(s_seen[2].Site, 5),
            Is.EqualTo(new[] { nameof(Frameless), nameof(FramelessToo), nameof(FramelessThree), nameof(Deep), Here }));
    }

    [Test]
    public void EveryManagedFrameOfAKeyHasItsAddress()
    {
        s_seen.Clear();
        Deep();
        uint site = s_seen[0].Site;
        nuint[] ips = new nuint[StackWalker.MaximumDepth];
        SiteDepot.GetFrames(site, ips, out int count);
        // The walk starts at the caller of Record, or at Record where the walker's own entry is not inlined into it.
        nuint[] named = [.. SiteDepot.GetStack(site)!.Frames.Select(frame => frame.InstructionPointer).SkipWhile(ip => ip == 0)];
        Assert.That(named.Take(5), Has.None.EqualTo((nuint)0));
        Assert.That(named.Take(5), Is.EqualTo(ips.Take(count).SkipWhile(ip => ip != named[0]).Take(5)),
            "the names and the addresses are of the same frames");
    }

    [Test]
    public void PrologsAreReadAsTheyAre()
    {
        Assert.That(Read(0x55, 0x48, 0x8B, 0xEC), Is.EqualTo(FrameSizes.Framed), "push rbp");
        Assert.That(Read(0x50, 0xE8), Is.EqualTo(1), "push rax");
        Assert.That(Read(0x48, 0x83, 0xEC, 0x28, 0xE8), Is.EqualTo(5), "sub rsp, 40");
        Assert.That(Read(0x41, 0x57, 0x41, 0x56, 0x53, 0x48, 0x8B, 0xDF), Is.EqualTo(3), "three pushes");
        Assert.That(Read(0x53, 0x48, 0x83, 0xEC, 0x10, 0xC5, 0xF8, 0x77, 0x90), Is.EqualTo(3), "push, sub, vzeroupper");
        Assert.That(Read(0x48, 0x81, 0xEC, 0x08, 0x01, 0, 0, 0x90), Is.EqualTo(33), "sub rsp, 264");
        Assert.That(Read(0x53, 0x50, 0x90), Is.EqualTo(FrameSizes.Framed), "not aligned for a call: misread");
        Assert.That(Read(0x48, 0x8B, 0x6D, 0x00), Is.EqualTo(FrameSizes.Framed), "on-stack replacement");
        Assert.That(Read(0x90), Is.EqualTo(FrameSizes.Framed), "nothing that could be a frame");
    }

    [Test]
    public void TheTableOfSizesForgetsWhatItsCodeNoLongerIs()
    {
        const nuint Address = 0x7FFF_0000;
        FrameSizes.Initialize();
        Assert.That(FrameSizes.Find(Address), Is.EqualTo(FrameSizes.Framed));
        FrameSizes.Set(Address, FrameSizes.Framed);
        FrameSizes.Set(Address, 7);
        Assert.That(FrameSizes.Find(Address), Is.EqualTo(7));
        FrameSizes.Set(Address, 9);
        Assert.That(FrameSizes.Find(Address), Is.EqualTo(9));
        FrameSizes.Set(Address, FrameSizes.Framed);
        Assert.That(FrameSizes.Find(Address), Is.EqualTo(FrameSizes.Framed));
    }

    private const string Here = nameof(TwoCallersOfAFramelessMethodAreTwoSites);

    private static string[] Names(uint site, int count)
        => [.. SiteDepot.GetStack(site)!.Frames.Where(frame => frame.Method!.Name != nameof(Record)).Take(count)
            .Select(frame => frame.Method!.Name)];

    private static int Read(params byte[] code)
    {
        byte[] padded = new byte[64];
        code.CopyTo(padded, 0);
        fixed (byte* start = padded)
        {
            return Prolog.ReadFrameSize(start);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Record()
    {
        AllocationCall call = StackWalker.Caller();
        uint site = SiteDepot.Intern(in call, StackWalker.StackEnd, out BlockFlags _);
        // What a walk that knows only frame pointers makes of it.
        List<nuint> plain = [call.ReturnAddress];
        nuint frame = call.FramePointer;
        for (int i = 0; i < 8 && frame > call.StackPointer && frame < StackWalker.StackEnd - 16; i++)
        {
            plain.Add(((nuint*)frame)[1]);
            frame = *(nuint*)frame;
        }

        s_seen.Add((site, StackWalker.Hash(plain.ToArray())));
        return site;
    }

    // One call, a result that is used after it (no tail call), nothing else: no frame.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static long Frameless() => Record() + 1;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static long FramelessToo() => Frameless() + 2;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static long FramelessThree() => FramelessToo() + 3;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void First() => Keep(Frameless());

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Second() => Keep(Frameless());

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Deep() => Keep(FramelessThree());

    // A second call: its callers keep a frame.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Keep(long value)
    {
        GC.KeepAlive(value);
        GC.KeepAlive(s_seen);
    }
}
