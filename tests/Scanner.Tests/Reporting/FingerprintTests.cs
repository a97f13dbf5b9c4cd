// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.InteropServices;
using NativeLeak.Reporting;

namespace NativeLeak.Scanner.Tests.Reporting;

[TestFixture]
internal sealed class FingerprintTests
{
    private static readonly MethodBase s_self = typeof(FingerprintTests).GetMethod(nameof(TheFormIsSixteenDigits))!;
    private static readonly MethodBase s_other
        = typeof(FingerprintTests).GetMethod(nameof(ValuesStayAcrossRunsAndVersions))!;
    private static readonly MethodBase s_framework = typeof(Marshal).GetMethod("AllocHGlobal", [typeof(nint)])!;

    [Test]
    public void TheFormIsSixteenDigits()
        => Assert.That(Fingerprint.Compute("a", []), Does.Match("^[0-9a-f]{16}$"));

    // A baseline file written by one version must mean the same in the next: this value may only change with the
    // schema.
    [Test]
    public void ValuesStayAcrossRunsAndVersions() => Assert.That(
        Fingerprint.Compute("Marshal.AllocHGlobal", [new CallFrame(s_self, 12)]), Is.EqualTo("5aa470dec556c38a"));

    [Test]
    public void MethodAndOffsetOfUserFramesCount()
    {
        string one = Fingerprint.Compute("a", [new CallFrame(s_self, 1)]);
        Assert.Multiple(() =>
        {
            Assert.That(Fingerprint.Compute("a", [new CallFrame(s_self, 2)]), Is.Not.EqualTo(one));
            Assert.That(Fingerprint.Compute("a", [new CallFrame(s_other, 1)]), Is.Not.EqualTo(one));
            Assert.That(Fingerprint.Compute("b", [new CallFrame(s_self, 1)]), Is.Not.EqualTo(one));
            Assert.That(Fingerprint.Compute("a", [new CallFrame(s_self, 1, 0x12)]), Is.EqualTo(one), "no address");
        });
    }

    [Test]
    public void TheInsidesOfDotNetDoNotCount() => Assert.That(
        Fingerprint.Compute("a", [new CallFrame(s_framework, 7), new CallFrame(s_self, 1)]),
        Is.EqualTo(Fingerprint.Compute("a", [new CallFrame(s_self, 1)])));

    [Test]
    public void WithoutAnyUserFrameTheFrameworksMethodsCount() => Assert.That(
        Fingerprint.Compute("a", [new CallFrame(s_framework, 7)]),
        Is.Not.EqualTo(Fingerprint.Compute("a", []))
            .And.EqualTo(Fingerprint.Compute("a", [new CallFrame(s_framework, 8)])));
}
