// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using System.Security;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Differential;

/// <summary>Strings copied to native memory have the originals' bytes, for any string at all.</summary>
[TestFixture]
internal sealed unsafe class StringDifferentialTests
{
    /// <summary>One allocating member, its original, and both frees.</summary>
    internal sealed record Member(string Name, AllocationApi Api, Func<string?, nint> Original, Func<string?, nint> Tracked,
        Action<nint> FreeOriginal, Action<nint> FreeTracked, int CharByteCount, bool IsBstr = false)
    {
        public override string ToString() => Name;
    }

    private static readonly Member[] s_members =
    [
        new("HGlobalAnsi", AllocationApi.MarshalStringToHGlobalAnsi, Marshal.StringToHGlobalAnsi,
            TrackedMarshal.StringToHGlobalAnsi, Marshal.FreeHGlobal, TrackedMarshal.FreeHGlobal, 1),
        new("HGlobalUni", AllocationApi.MarshalStringToHGlobalUni, Marshal.StringToHGlobalUni,
            TrackedMarshal.StringToHGlobalUni, Marshal.FreeHGlobal, TrackedMarshal.FreeHGlobal, 2),
        new("HGlobalAuto", AllocationApi.MarshalStringToHGlobalAuto, Marshal.StringToHGlobalAuto,
            TrackedMarshal.StringToHGlobalAuto, Marshal.FreeHGlobal, TrackedMarshal.FreeHGlobal, 1),
        new("CoTaskMemAnsi", AllocationApi.MarshalStringToCoTaskMemAnsi, Marshal.StringToCoTaskMemAnsi,
            TrackedMarshal.StringToCoTaskMemAnsi, Marshal.ZeroFreeCoTaskMemAnsi, TrackedMarshal.ZeroFreeCoTaskMemAnsi, 1),
        new("CoTaskMemUni", AllocationApi.MarshalStringToCoTaskMemUni, Marshal.StringToCoTaskMemUni,
            TrackedMarshal.StringToCoTaskMemUni, Marshal.ZeroFreeCoTaskMemUnicode, TrackedMarshal.ZeroFreeCoTaskMemUnicode, 2),
        new("CoTaskMemAuto", AllocationApi.MarshalStringToCoTaskMemAuto, Marshal.StringToCoTaskMemAuto,
            TrackedMarshal.StringToCoTaskMemAuto, Marshal.FreeCoTaskMem, TrackedMarshal.FreeCoTaskMem, 1),
        new("CoTaskMemUTF8", AllocationApi.MarshalStringToCoTaskMemUTF8, Marshal.StringToCoTaskMemUTF8,
            TrackedMarshal.StringToCoTaskMemUTF8, Marshal.ZeroFreeCoTaskMemUTF8, TrackedMarshal.ZeroFreeCoTaskMemUTF8, 1),
        new("GlobalAllocAnsi", AllocationApi.MarshalStringToHGlobalAnsi, Marshal.StringToHGlobalAnsi,
            TrackedMarshal.StringToHGlobalAnsi, Marshal.ZeroFreeGlobalAllocAnsi, TrackedMarshal.ZeroFreeGlobalAllocAnsi, 1),
        new("GlobalAllocUni", AllocationApi.MarshalStringToHGlobalUni, Marshal.StringToHGlobalUni,
            TrackedMarshal.StringToHGlobalUni, Marshal.ZeroFreeGlobalAllocUnicode, TrackedMarshal.ZeroFreeGlobalAllocUnicode, 2),
        new("BSTR", AllocationApi.MarshalStringToBSTR, Marshal.StringToBSTR, TrackedMarshal.StringToBSTR,
            Marshal.FreeBSTR, TrackedMarshal.FreeBSTR, 2, IsBstr: true),
        new("BSTR zeroed", AllocationApi.MarshalStringToBSTR, Marshal.StringToBSTR, TrackedMarshal.StringToBSTR,
            Marshal.ZeroFreeBSTR, TrackedMarshal.ZeroFreeBSTR, 2, IsBstr: true),
    ];

    private static readonly Member[] s_secureMembers =
    [
        new("Secure BSTR", AllocationApi.MarshalSecureStringToBSTR, Secure(Marshal.SecureStringToBSTR),
            Secure(TrackedMarshal.SecureStringToBSTR), Marshal.ZeroFreeBSTR, TrackedMarshal.ZeroFreeBSTR, 2, IsBstr: true),
        new("Secure CoTaskMemAnsi", AllocationApi.MarshalSecureStringToCoTaskMemAnsi, Secure(Marshal.SecureStringToCoTaskMemAnsi),
            Secure(TrackedMarshal.SecureStringToCoTaskMemAnsi), Marshal.ZeroFreeCoTaskMemAnsi,
            TrackedMarshal.ZeroFreeCoTaskMemAnsi, 1),
        new("Secure CoTaskMemUnicode", AllocationApi.MarshalSecureStringToCoTaskMemUnicode,
            Secure(Marshal.SecureStringToCoTaskMemUnicode), Secure(TrackedMarshal.SecureStringToCoTaskMemUnicode),
            Marshal.ZeroFreeCoTaskMemUnicode, TrackedMarshal.ZeroFreeCoTaskMemUnicode, 2),
        new("Secure GlobalAllocAnsi", AllocationApi.MarshalSecureStringToGlobalAllocAnsi,
            Secure(Marshal.SecureStringToGlobalAllocAnsi), Secure(TrackedMarshal.SecureStringToGlobalAllocAnsi),
            Marshal.ZeroFreeGlobalAllocAnsi, TrackedMarshal.ZeroFreeGlobalAllocAnsi, 1),
        new("Secure GlobalAllocUnicode", AllocationApi.MarshalSecureStringToGlobalAllocUnicode,
            Secure(Marshal.SecureStringToGlobalAllocUnicode), Secure(TrackedMarshal.SecureStringToGlobalAllocUnicode),
            Marshal.ZeroFreeGlobalAllocUnicode, TrackedMarshal.ZeroFreeGlobalAllocUnicode, 2),
    ];

    private static readonly string?[] s_strings =
    [
        null, "", "a", "plain ascii of some length", "zero\0inside", "\0", "äöü ß €", "日本語", "pair 😀 done", "\uD800", "\uDC00",
        "lone \uD83D high", "lone \uDE00 low", "\uDE00\uD83D wrong way round", new string('x', 50_000), new string('€', 20_000),
    ];

    [OneTimeSetUp]
    public void Start()
    {
        CHeap.Initialize();
        Recording.StartIfOn();
    }

    [Test]
    public void EveryMemberGivesTheOriginalsBytes([ValueSource(nameof(s_members))] Member member)
    {
        foreach (string? text in s_strings)
        {
            Compare(member, text);
        }
    }

    [Test]
    public void EverySecureMemberGivesTheOriginalsBytes([ValueSource(nameof(s_secureMembers))] Member member)
    {
        foreach (string? text in s_strings)
        {
            if (text is not null)
            {
                Compare(member, text);
            }
        }
    }

    [Test]
    public void AnyStringGivesTheOriginalsBytes()
    {
        Gen<char> unit = Gen.OneOf(
            Gen.Choose(0, 127), Gen.Choose(0, 0xFFFF), Gen.Choose(0xD800, 0xDFFF)).Select(code => (char)code);
        Gen<string> text = unit.ArrayOf().Select(units => new string(units));
        Prop.ForAll(text.ToArbitrary(), value =>
        {
            foreach (Member member in s_members.Concat(s_secureMembers))
            {
                Compare(member, value);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200));
    }

    [Test]
    public void ANullSecureStringFailsAsInTheOriginal([ValueSource(nameof(s_secureMembers))] Member member)
        => Assert.That(Outcome.Of(() => $"{member.Tracked(null)}"), Is.EqualTo(Outcome.Of(() => $"{member.Original(null)}")));

    [Test]
    public void ADisposedSecureStringFailsAsInTheOriginal()
    {
        SecureString gone = new();
        gone.Dispose();
        Assert.That(Outcome.Of(() => $"{TrackedMarshal.SecureStringToBSTR(gone)}"),
            Is.EqualTo(Outcome.Of(() => $"{Marshal.SecureStringToBSTR(gone)}")));
        Assert.That(Outcome.Of(() => $"{TrackedMarshal.SecureStringToCoTaskMemAnsi(gone)}"),
            Is.EqualTo(Outcome.Of(() => $"{Marshal.SecureStringToCoTaskMemAnsi(gone)}")));
        Assert.That(Outcome.Of(() => $"{TrackedMarshal.SecureStringToGlobalAllocUnicode(gone)}"),
            Is.EqualTo(Outcome.Of(() => $"{Marshal.SecureStringToGlobalAllocUnicode(gone)}")));
        Assert.That(DetectorThread.IsInside, Is.False, "the scope ended with the exception");
    }

    // glibc overwrites the first 16 bytes of a small freed chunk and no more: the rest shows whether the text was
    // zeroed.
    [TestCase(true)]
    [TestCase(false)]
    public void ZeroFreeLeavesNoText(bool isBstr)
    {
        nint text = isBstr
            ? TrackedMarshal.StringToBSTR(new string('S', 100))
            : TrackedMarshal.StringToCoTaskMemUTF8(new string('S', 200));
        if (isBstr)
        {
            TrackedMarshal.ZeroFreeBSTR(text);
        }
        else
        {
            TrackedMarshal.ZeroFreeCoTaskMemUTF8(text);
        }

        Assert.That(new ReadOnlySpan<byte>((byte*)text + 16, 180).IndexOf((byte)'S'), Is.EqualTo(-1));
    }

    private static void Compare(Member member, string? text)
    {
        nint original = member.Original(text);
        nint tracked = member.Tracked(text);
        if (text is null)
        {
            Assert.That((original, tracked), Is.EqualTo(((nint)0, (nint)0)));
            return;
        }

        int byteCount = member.CharByteCount == 1 ? Encoding.UTF8.GetByteCount(text) + 1 : (text.Length + 1) * 2;
        int prefix = member.IsBstr ? sizeof(uint) : 0;
        Assert.That(Convert.ToHexString(new ReadOnlySpan<byte>((byte*)tracked - prefix, byteCount + prefix)),
            Is.EqualTo(Convert.ToHexString(new ReadOnlySpan<byte>((byte*)original - prefix, byteCount + prefix))), member.Name);
        nint block = member.IsBstr ? tracked - 8 : tracked;
        // The caller is a lambda or this method, depending on the member.
        Recording.AssertRecorded(block, RecordedByteCount(member, text, byteCount), member.Api,
            member.IsBstr ? BlockFlags.BstrPrefixed : BlockFlags.None, "");
        member.FreeOriginal(original);
        member.FreeTracked(tracked);
        Recording.AssertForgotten(block);
    }

    private static nuint RecordedByteCount(Member member, string text, int byteCount)
    {
        if (member.IsBstr)
        {
            return (nuint)((text.Length * 2) + 8 + 2 + 15) & ~(nuint)15;
        }

        if (member.Name.StartsWith("Secure", StringComparison.Ordinal) || member.CharByteCount == 2)
        {
            return (nuint)byteCount;
        }

        return (nuint)(member.Name.Contains("Ansi", StringComparison.Ordinal)
            ? (text.Length + 1) * 3
            : Encoding.UTF8.GetMaxByteCount(text.Length) + 1);
    }

    private static Func<string?, nint> Secure(Func<SecureString, nint> copy) => text =>
    {
        if (text is null)
        {
            return copy(null!);
        }

        using SecureString secure = new();
        foreach (char unit in text)
        {
            secure.AppendChar(unit);
        }

        return copy(secure);
    };
}
