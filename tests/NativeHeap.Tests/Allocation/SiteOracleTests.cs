// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Allocation;

/// <summary>
/// Every allocation's site is checked against a StackTrace taken on the spot, while the methods on the stack are
/// compiled again and again by the tiers. A site is right when it names the methods that are really there, and their
/// offsets.
/// </summary>
[TestFixture]
internal sealed unsafe class SiteOracleTests
{
    private const int Rounds = 20_000;

    // The control: what a walk by frame pointers alone would have called the same stack.
    private static readonly Dictionary<ulong, string> s_plain = [];
    private static long s_plainWrong;
    private static long s_wrong;
    private static long s_checked;
    private static string? s_firstWrong;
    private static uint s_random;

    [OneTimeSetUp]
    public void StartRecording()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
    }

    [Test]
    public void NoSiteEverNamesAnotherStackThanItsBlocks()
    {
        s_wrong = 0;
        s_checked = 0;
        s_plain.Clear();
        s_plainWrong = 0;
        s_firstWrong = null;
        s_random = 42;
        for (int round = 0; round < Rounds; round++)
        {
            Step(1 + (int)(Next() % 9));
        }

        Assert.That(s_checked, Is.GreaterThanOrEqualTo(Rounds));
        Assert.That(s_wrong, Is.Zero, s_firstWrong);
        TestContext.Out.WriteLine(
            $"{s_checked} checked, plain walk wrong in {s_plainWrong}, {FrameSizes.Count} sizes learned");
        Assert.That(s_plainWrong, Is.GreaterThan(0),
            "the control was never confused: the mixture of methods is too tame to prove anything");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Allocate()
    {
        AllocationCall call = StackWalker.Caller();
        uint site = SiteDepot.Intern(in call, StackWalker.StackEnd, out BlockFlags _);
        s_checked++;
        IReadOnlyList<SiteFrame> named = SiteDepot.GetStack(site)?.Frames ?? [];
        StackFrame[] real = new StackTrace(fNeedFileInfo: false).GetFrames();
        // The walk starts at this method's caller (at this method while Caller is not inlined, and then at another call
        // than the trace), and leaves out how the thread was started.
        int skipped = named.Count > 0 && named[0].Method == real[0].GetMethod() ? 0 : 1;
        int certain = real.Skip(skipped).TakeWhile(static frame => !ThreadStarters.Owns(frame.GetMethod())).Count();
        bool isRight = named.Count > 0 && named.Count <= certain;
        for (int i = 1 - skipped; isRight && i < named.Count; i++)
        {
            isRight = named[i].Method == real[i + skipped].GetMethod()
                && named[i].ILOffset == real[i + skipped].GetILOffset();
        }

        CompareWithPlainWalk(in call, real);
        if (!isRight)
        {
            s_wrong++;
            s_firstWrong ??= $"site {site} says {string.Join(" < ", named)}\nreal {new StackTrace()}";
        }

        return site;
    }

    private static void CompareWithPlainWalk(in AllocationCall call, StackFrame[] real)
    {
        List<nuint> plain = [call.ReturnAddress];
        nuint frame = call.FramePointer;
        for (int i = 0; i < SiteDepot.Depth && frame > call.StackPointer && frame < StackWalker.StackEnd - 16; i++)
        {
            plain.Add(((nuint*)frame)[1]);
            frame = *(nuint*)frame;
        }

        string names = string.Join('|', real.Skip(1).Take(SiteDepot.Depth - 1).Select(at => $"{at.GetMethod()}+{at.GetILOffset()}"));
        if (!s_plain.TryAdd(StackWalker.Hash(plain.ToArray()), names))
        {
            s_plainWrong += s_plain[StackWalker.Hash(plain.ToArray())] == names ? 0 : 1;
        }
    }

    private static uint Next() => s_random = (s_random * 1664525) + 1013904223;

    // The mixture: framed and frameless, optimised at once and by tiers, generic, virtual, lambdas, try blocks.
    private static long Step(int depth)
    {
        if (depth == 0)
        {
            return Allocate() + 1;
        }

        return (Next() >> 16 & 15) switch
        {
            0 => Thin(depth),
            1 => Thinner(depth),
            2 => Thin(depth) + 1,
            3 => Fat(depth),
            4 => Generic<string>(depth),
            5 => Generic<int>(depth),
            6 => s_virtual.Call(depth),
            7 => s_other.Call(depth),
            8 => s_lambda(depth),
            9 => Guarded(depth),
            10 => Loop(depth),
            11 => Thinner(depth) + Zero(),
            12 => AtOnce(depth),
            13 => AtOnceThin(depth),
            14 => s_same[Next() >> 20 & 3](depth),
            _ => Step(depth - 1),
        };
    }

    // Called by one instruction, each with its own call of a method that has no frame.
    private static readonly Func<int, long>[] s_same = [Same0, Same1, Same2, Same3];

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Same0(int depth) => AtOnceThin(depth) + Zero();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Same1(int depth) => AtOnceThin(depth) - Zero();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Same2(int depth) => AtOnceThin(depth) ^ Zero();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Same3(int depth) => Zero() + AtOnceThin(depth) + AtOnceThin(Math.Min(depth, 1));

    private static readonly Base s_virtual = new();
    private static readonly Base s_other = new Derived();
    private static readonly Func<int, long> s_lambda = static depth => Step(depth - 1) + 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Zero() => 0;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Thin(int depth) => Step(depth - 1) + 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Thinner(int depth) => Thin(depth) + 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Fat(int depth)
    {
        long sum = Zero();
        sum += Step(depth - 1);
        return sum + Zero();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Generic<T>(int depth) => Step(depth - 1) + (typeof(T) == typeof(int) ? 1 : 2);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Guarded(int depth)
    {
        try
        {
            return Step(depth - 1);
        }
        finally
        {
            s_random ^= 1;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Loop(int depth)
    {
        long sum = 0;
        for (int i = 0; i < 50; i++)
        {
            sum += i == 7 ? Step(depth - 1) : i;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static long AtOnce(int depth) => Zero() + Step(depth - 1);

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static long AtOnceThin(int depth) => Step(depth - 1) + 1;

    private class Base
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public virtual long Call(int depth) => Step(depth - 1) + 1;
    }

    private sealed class Derived : Base
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public override long Call(int depth) => base.Call(depth) + 1;
    }
}
