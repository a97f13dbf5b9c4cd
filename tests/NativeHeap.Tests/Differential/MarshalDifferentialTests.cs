// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Differential;

/// <summary>TrackedMarshal's allocating and freeing members do what Marshal's do, exceptions included.</summary>
[TestFixture]
internal sealed unsafe class MarshalDifferentialTests
{
    private static readonly int[] s_sizes = [0, 1, 8, 24, 1000, 40_000, -1, int.MinValue];

    [OneTimeSetUp]
    public void Start() => Recording.StartIfOn();

    [TestCaseSource(nameof(s_sizes))]
    public void AllocHGlobalEqualsTheOriginal(int cb)
    {
        AssertEqual(() => Used(Marshal.AllocHGlobal(cb), Marshal.FreeHGlobal),
            () => Used(TrackedMarshal.AllocHGlobal(cb), TrackedMarshal.FreeHGlobal));
        AssertEqual(() => Used(Marshal.AllocHGlobal((nint)cb), Marshal.FreeHGlobal),
            () => Used(TrackedMarshal.AllocHGlobal((nint)cb), TrackedMarshal.FreeHGlobal));
    }

    // A negative size is 2 to 4 GiB here, as the original takes it: legal, and untouched pages cost nothing.
    [TestCaseSource(nameof(s_sizes))]
    public void AllocCoTaskMemEqualsTheOriginal(int cb)
        => AssertEqual(() => Used(Marshal.AllocCoTaskMem(cb), Marshal.FreeCoTaskMem),
            () => Used(TrackedMarshal.AllocCoTaskMem(cb), TrackedMarshal.FreeCoTaskMem));

    [TestCaseSource(nameof(s_sizes))]
    public void ReAllocOfNothingEqualsTheOriginal(int cb)
    {
        AssertEqual(() => Used(Marshal.ReAllocHGlobal(0, cb), Marshal.FreeHGlobal),
            () => Used(TrackedMarshal.ReAllocHGlobal(0, cb), TrackedMarshal.FreeHGlobal));
        AssertEqual(() => Used(Marshal.ReAllocCoTaskMem(0, cb), Marshal.FreeCoTaskMem),
            () => Used(TrackedMarshal.ReAllocCoTaskMem(0, cb), TrackedMarshal.FreeCoTaskMem));
    }

    [TestCaseSource(nameof(s_sizes))]
    public void ReAllocKeepsTheContentsAsTheOriginalDoes(int cb)
    {
        AssertEqual(
            () => Regrown(Marshal.AllocHGlobal(24), block => Marshal.ReAllocHGlobal(block, cb), cb, Marshal.FreeHGlobal),
            () => Regrown(TrackedMarshal.AllocHGlobal(24), block => TrackedMarshal.ReAllocHGlobal(block, cb), cb,
                TrackedMarshal.FreeHGlobal));
        AssertEqual(
            () => Regrown(Marshal.AllocCoTaskMem(24), block => Marshal.ReAllocCoTaskMem(block, cb), cb, Marshal.FreeCoTaskMem),
            () => Regrown(TrackedMarshal.AllocCoTaskMem(24), block => TrackedMarshal.ReAllocCoTaskMem(block, cb), cb,
                TrackedMarshal.FreeCoTaskMem));
    }

    [Test]
    public void ReAllocCoTaskMemToZeroFreesTheBlockAndItsRecord()
    {
        nint block = TrackedMarshal.AllocCoTaskMem(24);
        Assert.That(TrackedMarshal.ReAllocCoTaskMem(block, 0), Is.EqualTo((nint)0));
        Recording.AssertForgotten(block);
    }

    [Test]
    public void FreeingZeroDoesNothing()
    {
        long unknown = RecordTable.Counters.UnknownFrees;
        TrackedMarshal.FreeHGlobal(0);
        TrackedMarshal.FreeCoTaskMem(0);
        TrackedMarshal.FreeBSTR(0);
        TrackedMarshal.ZeroFreeBSTR(0);
        TrackedMarshal.ZeroFreeCoTaskMemAnsi(0);
        TrackedMarshal.ZeroFreeCoTaskMemUnicode(0);
        TrackedMarshal.ZeroFreeCoTaskMemUTF8(0);
        TrackedMarshal.ZeroFreeGlobalAllocAnsi(0);
        TrackedMarshal.ZeroFreeGlobalAllocUnicode(0);
        Assert.That(RecordTable.Counters.UnknownFrees, Is.EqualTo(unknown));
    }

    [Test]
    public void EachMemberIsRecordedUnderItsNameWithItsCaller()
    {
        const string Here = nameof(EachMemberIsRecordedUnderItsNameWithItsCaller);
        nint block = TrackedMarshal.AllocHGlobal(33);
        Recording.AssertRecorded(block, 33, AllocationApi.MarshalAllocHGlobal, BlockFlags.None, Here);
        block = TrackedMarshal.ReAllocHGlobal(block, 44);
        Recording.AssertRecorded(block, 44, AllocationApi.MarshalReAllocHGlobal, BlockFlags.None, Here);
        TrackedMarshal.FreeHGlobal(block);
        Recording.AssertForgotten(block);
        block = TrackedMarshal.AllocCoTaskMem(55);
        Recording.AssertRecorded(block, 55, AllocationApi.MarshalAllocCoTaskMem, BlockFlags.None, Here);
        block = TrackedMarshal.ReAllocCoTaskMem(block, 66);
        Recording.AssertRecorded(block, 66, AllocationApi.MarshalReAllocCoTaskMem, BlockFlags.None, Here);
        TrackedMarshal.FreeCoTaskMem(block);
        Recording.AssertForgotten(block);
    }

    [Test]
    public void EveryAllocatingOrFreeingMemberOfTheOriginalsExistsHere()
    {
        string[] missing =
        [
            .. Signatures(typeof(NativeMemory)).Except(Signatures(typeof(TrackedMemory))),
            .. Signatures(typeof(Marshal)).Where(AllocatesOrFrees).Except(Signatures(typeof(TrackedMarshal))),
        ];
        Assert.That(missing, Is.Empty);
        Assert.That(Signatures(typeof(TrackedMarshal)).Except(Signatures(typeof(Marshal))), Is.Empty, "nothing of our own");

        static bool AllocatesOrFrees(string signature)
            => !signature.Contains("PtrToString", StringComparison.Ordinal)
                && (signature.Contains("Alloc", StringComparison.Ordinal) || signature.Contains("Free", StringComparison.Ordinal)
                    || signature.Contains("StringTo", StringComparison.Ordinal)
                    || signature.Contains("BSTR", StringComparison.Ordinal));

        static IEnumerable<string> Signatures(Type type)
            => type.GetMethods().Where(method => method.IsStatic).Select(method =>
                $"{method.ReturnType} {method.Name}("
                + $"{string.Join(", ", method.GetParameters().Select(p => $"{p.ParameterType} {p.Name}"))})");
    }

    private static void AssertEqual(Func<string> original, Func<string> tracked)
        => Assert.That(Outcome.Of(tracked), Is.EqualTo(Outcome.Of(original)));

    private static string Used(nint block, Action<nint> free)
    {
        CHeap.Initialize();
        *(byte*)block = 1;
        free(block);
        Recording.AssertForgotten(block);
        return $"block, aligned to 16: {block % 16 == 0}";
    }

    private static string Regrown(nint block, Func<nint, nint> reallocate, int cb, Action<nint> free)
    {
        Marshal.WriteInt64(block, 0x0123456789ABCDEF);
        Marshal.WriteInt64(block, 16, 0x7777);
        nint moved;
        try
        {
            moved = reallocate(block);
        }
        catch (OutOfMemoryException exception)
        {
            // The old block must still be there, with its contents.
            string text = $"{exception.Message} {Marshal.ReadInt64(block):x} {Marshal.ReadInt64(block, 16):x}";
            free(block);
            return text;
        }

        if (moved == 0)
        {
            return "freed";
        }

        int kept = (int)Math.Min((uint)cb, 24u);
        string contents = Convert.ToHexString(new ReadOnlySpan<byte>((void*)moved, kept >= 24 ? 8 : Math.Min(kept, 8)));
        free(moved);
        Recording.AssertForgotten(moved);
        return contents;
    }
}
