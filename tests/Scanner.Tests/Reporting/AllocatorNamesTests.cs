// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Reporting;

namespace NativeLeak.Scanner.Tests.Reporting;

[TestFixture]
internal sealed class AllocatorNamesTests
{
    private static readonly MethodBase s_user = typeof(AllocatorNamesTests).GetMethod(nameof(Caller), Private)!;
    private static readonly MethodBase s_allocate = typeof(NativeMemory).GetMethod("Alloc", [typeof(nuint)])!;
    private static readonly MethodBase s_allocateGlobal = typeof(Marshal).GetMethod("AllocHGlobal", [typeof(nint)])!;
    private static readonly MethodBase s_allocateGlobalInt = typeof(Marshal).GetMethod("AllocHGlobal", [typeof(int)])!;
    private static readonly MethodBase s_toAnsi = typeof(Marshal).GetMethod("StringToHGlobalAnsi")!;

    private static string? s_text;

    private const BindingFlags Private = BindingFlags.Static | BindingFlags.NonPublic;

    [Test]
    public void TheOutermostApiFrameAtTheTopIsTheAllocator()
    {
        Assert.Multiple(() =>
        {
            Check("NativeMemory.Alloc", s_allocate, s_user);
            Check("Marshal.AllocHGlobal", s_allocate, s_allocateGlobal, s_allocateGlobalInt, s_user);
            Check("Marshal.StringToHGlobalAnsi", s_allocate, s_allocateGlobal, s_toAnsi, s_user);
        });

        static void Check(string expected, params MethodBase[] stack) => Assert.That(
            AllocatorNames.Find(AllocationApi.Unknown, [.. stack.Select(static method => new CallFrame(method, -1))]),
            Is.EqualTo(expected));
    }

    [Test]
    public void TheCallInTheCallersCodeTellsWhatInliningAndTailCallsHide()
    {
        int second = FindCall(s_user, "StringToCoTaskMemUTF8");
        Assert.Multiple(() =>
        {
            Assert.That(Find(0), Is.EqualTo("Marshal.AllocHGlobal"), "nothing of the API is on the stack");
            Assert.That(Find(0, s_allocate), Is.EqualTo("Marshal.AllocHGlobal"), "its inner part is");
            Assert.That(Find(second), Is.EqualTo("Marshal.StringToCoTaskMemUTF8"), "a later statement");
        });
    }

    [Test]
    public void OfTwoCallsInOneStatementTheOneOnTheStackIsMeant()
    {
        MethodBase both = typeof(AllocatorNamesTests).GetMethod(nameof(TwoInOneStatement), Private)!;
        Assert.Multiple(() =>
        {
            Assert.That(Find(both, 0), Is.EqualTo("Marshal.AllocHGlobal"));
            Assert.That(Find(both, 0, s_toAnsi), Is.EqualTo("Marshal.StringToHGlobalAnsi"));
        });
    }

    [Test]
    public void OfNestedCallsTheOneThatEndsInTheRecordedExportIsMeant()
    {
        MethodBase nested = typeof(AllocatorNamesTests).GetMethod(nameof(Nested), Private)!;
        Assert.Multiple(() =>
        {
            Assert.That(Find(nested, 0), Is.EqualTo("Marshal.AllocHGlobal"));
            Assert.That(
                AllocatorNames.Find(AllocationApi.NativeMemoryRealloc, [new CallFrame(nested, 0)]),
                Is.EqualTo("Marshal.ReAllocHGlobal"));
        });
    }

    [Test]
    public void ACallThatWasInlinedItselfIsLookedInto()
    {
        MethodBase outer = typeof(AllocatorNamesTests).GetMethod(nameof(CallsTwoInOneStatement), Private)!;
        Assert.That(Find(outer, 0, s_toAnsi), Is.EqualTo("Marshal.StringToHGlobalAnsi"));
    }

    [Test]
    public void ACallOfTheNextStatementIsNotMeant()
    {
        MethodBase later = typeof(AllocatorNamesTests).GetMethod(nameof(AllocatesLater), Private)!;
        Assert.That(Find(later, 0), Is.EqualTo("SystemNative_Malloc"));
    }

    [Test]
    public void AFrameThatOnlyFreesIsNoAllocator()
    {
        MethodBase freeing = typeof(AllocatorNamesTests).GetMethod(nameof(FreeingCaller), Private)!;
        Assert.That(Find(freeing, 0), Is.EqualTo("SystemNative_Malloc"));
    }

    [Test]
    public void WhatTheCallerSaidItselfIsBelieved() => Assert.That(
        AllocatorNames.Find(AllocationApi.MarshalStringToBSTR, [new CallFrame(s_user, 0)]),
        Is.EqualTo("Marshal.StringToBSTR"));

    [Test]
    public void ARecordedExportIsTheFallback() => Assert.That(
        AllocatorNames.Find(AllocationApi.NativeMemoryAllocZeroed, []), Is.EqualTo("NativeMemory.AllocZeroed"));

    [Test]
    public void EveryApiButUnknownHasTheNameOfARealMethod()
    {
        foreach (AllocationApi api in Enum.GetValues<AllocationApi>().Where(static api => api != AllocationApi.Unknown))
        {
            string[] parts = AllocatorNames.Name(api).Split('.');
            Type type = Array.Find(
                [typeof(Marshal), typeof(NativeMemory), typeof(LeakHints), typeof(BlockPool)], known => known.Name == parts[0])!;
            Assert.That(type.GetMethods().Select(static method => method.Name), Has.Member(parts[1]), api.ToString());
        }
    }

    [Test]
    public void NoOffsetMakesTheDecoderThrow()
    {
        int length = s_user.GetMethodBody()!.GetILAsByteArray()!.Length;
        for (int offset = -2; offset < length + 2; offset++)
        {
            Assert.That(() => CallSite.CallsOfStatement(s_user, offset), Throws.Nothing);
        }
    }

    private static string Find(int offset, params MethodBase[] api) => Find(s_user, offset, api);

    private static string Find(MethodBase caller, int offset, params MethodBase[] api) => AllocatorNames.Find(
        AllocationApi.Unknown,
        [.. api.Select(static method => new CallFrame(method, 0)), new CallFrame(caller, offset)]);

    // The last offset from which the next call is the one with this name: that of its own instruction or just before.
    private static int FindCall(MethodBase method, string name)
    {
        int last = -1;
        for (int offset = 0; offset < method.GetMethodBody()!.GetILAsByteArray()!.Length; offset++)
        {
            if (CallSite.CallsOfStatement(method, offset) is [{ } first, ..] && first.Name == name)
            {
                last = offset;
            }
        }

        return last;
    }

    private static void Caller()
    {
        nint block = Marshal.AllocHGlobal(8);
        nint text = Marshal.StringToCoTaskMemUTF8(block.ToString());
        Marshal.FreeCoTaskMem(text);
        Marshal.FreeHGlobal(block);
    }

    private static void FreeingCaller() => Marshal.FreeHGlobal(0);

    private static nint TwoInOneStatement() => Marshal.AllocHGlobal(8) + Marshal.StringToHGlobalAnsi("x");

    private static nint CallsTwoInOneStatement() => TwoInOneStatement();

    private static nint Nested() => Marshal.ReAllocHGlobal(Marshal.AllocHGlobal(8), 16);

    private static nint AllocatesLater()
    {
        s_text = string.Concat("a", 1.ToString());
        return Marshal.StringToHGlobalAnsi(s_text);
    }
}
