// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using NativeLeak.Control;

namespace NativeLeak.Scanner.Tests.Control;

/// <summary>Headers, commands and names: what is written is read back, and nothing else is taken.</summary>
[TestFixture]
internal sealed class ControlFrameTests
{
    [TestCase(FrameKind.Request, 0)]
    [TestCase(FrameKind.Data, ControlFrame.MaximumDataByteCount)]
    [TestCase(FrameKind.Error, 1)]
    public void AHeaderIsReadBack(object kind, int byteCount)
    {
        byte[] header = new byte[ControlFrame.HeaderByteCount];
        ControlFrame.Write(header, (FrameKind)kind, byteCount);
        Assert.That(ControlFrame.Read(header, ControlFrame.MaximumDataByteCount, out FrameKind read, out int count), Is.Null);
        Assert.That((read, count), Is.EqualTo(((FrameKind)kind, byteCount)));
    }

    [Test]
    public void TheLayoutIsTheDocumentedOne() => Assert.That(
        ControlFrame.Make(FrameKind.Request, "ping"u8),
        Is.EqualTo(Encoding.ASCII.GetBytes("NLCC\x01\x01\0\0\x04\0\0\0ping")));

    [TestCase(0, 'X', "not a message")]
    [TestCase(4, '\x02', "version 2")]
    [TestCase(5, '\0', "unknown kind")]
    [TestCase(5, '\x06', "unknown kind")]
    [TestCase(6, '\x01', "unknown kind")]
    [TestCase(10, '\x01', "longer than")]
    [TestCase(11, '\xFF', "longer than")]
    public void AWrongByteIsNamed(int at, char value, string expected)
    {
        byte[] message = ControlFrame.Make(FrameKind.Request, "ping"u8);
        message[at] = (byte)value;
        Assert.That(ControlFrame.Read(message, 1024, out FrameKind kind, out int count), Does.Contain(expected));
        Assert.That((kind, count), Is.EqualTo((FrameKind.Unknown, 0)));
    }

    [Test]
    public void ACommandWithParametersIsReadBack()
    {
        ControlRequest request = new("who=7f00") { Parameters = new Dictionary<string, string> { ["format"] = "json", ["min_age"] = "0" } };
        ControlRequest? read = ControlRequest.Parse(request.ToBytes(), out _);
        Assert.That(read!.Command, Is.EqualTo("who=7f00"));
        Assert.That(read.Parameters, Is.EqualTo(request.Parameters));
        Assert.That(read.WantsJson, Is.True);
    }

    [TestCase("", "no command")]
    [TestCase("\n\n", "no command")]
    [TestCase("\noff", "no command")]
    [TestCase("scan\ncolour=blue", "unknown parameter 'colour'")]
    [TestCase("scan\nformat", "unknown parameter 'format'")]
    [TestCase("scan\x1b[31m", "printable ASCII")]
    [TestCase("scän", "printable ASCII")]
    [TestCase("scan\nformat=text\nformat=text\nformat=text\nformat=text\nformat=text\nformat=text\nformat=text\nformat=text\nformat=text", "no command")]
    public void ABadCommandIsRefused(string text, string expected)
    {
        Assert.That(ControlRequest.Parse(Encoding.UTF8.GetBytes(text), out string error), Is.Null);
        Assert.That(error, Does.Contain(expected));
    }

    [Test]
    public void NoBytesMakeTheParserThrow() => Check.QuickThrowOnFailure(Prop.ForAll<byte[]>(bytes =>
    {
        ControlRequest? request = ControlRequest.Parse(bytes, out string error);
        return (request is null) == (error.Length > 0);
    }));

    [Test]
    public void ANameIsReadBack() => Check.QuickThrowOnFailure(Prop.ForAll<NonNegativeInt, ulong>((processId, start) =>
    {
        ControlName name = new(processId.Get, start);
        return ControlName.TryParse(name.ToString(), out ControlName read) && read == name;
    }));

    [TestCase("nativeleak-1-socket")]
    [TestCase("nativeleak--1-5-socket")]
    [TestCase("nativeleak-1-x-socket")]
    [TestCase("nativeleak-99999999999-5-socket")]
    [TestCase("nativeleak-socket")]
    [TestCase("dotnet-diagnostic-1-5-socket")]
    public void AnotherNameIsNone(string text) => Assert.That(ControlName.TryParse(text, out _), Is.False);

    [Test]
    public void ThisProcessIsAliveAndItsNameWithAnotherStartIsNot()
    {
        ControlName own = ControlName.OfThisProcess()!.Value;
        Assert.Multiple(() =>
        {
            Assert.That(ControlName.Of(Environment.ProcessId), Is.EqualTo(own));
            Assert.That(own.IsAlive, Is.True);
            Assert.That((own with { StartTime = own.StartTime + 1 }).IsAlive, Is.False);
            Assert.That(ControlName.Of(int.MaxValue), Is.Null);
        });
    }
}
