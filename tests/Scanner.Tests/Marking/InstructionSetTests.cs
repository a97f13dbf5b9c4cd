// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the marking tests again, in processes whose processor has fewer vectors than this one.
// The one idea: the runtime is told to leave instructions out, and the child proves that it did before anything counts.
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using NativeLeak.Scanner.Tests.Cases;

namespace NativeLeak.Scanner.Tests.Marking;

[TestFixture]
internal sealed class InstructionSetTests
{
    private const string WantedBits = "WANTED_VECTOR_BITS";

    // Without those of a million blocks and of thousands of random graphs: the test framework itself is slow there.
    private const string Tests = "FullyQualifiedName~Marking.VerdictTests&FullyQualifiedName!~million&FullyQualifiedName!~four_byte"
        + "|FullyQualifiedName~WordFilterTests|FullyQualifiedName~HeuristicTests|FullyQualifiedName~HintMarkingTests"
        + "|FullyQualifiedName~Marking.HolderTests|FullyQualifiedName~FrailRootTests|FullyQualifiedName~The_vectors_are_those_asked_for";

    [TestCase(256, new[] { "DOTNET_EnableAVX512", "DOTNET_EnableAVX512F" })]
    [TestCase(0, new[] { "DOTNET_EnableHWIntrinsic" })]
    public void The_marking_tests_pass_with_fewer_instructions(int bits, string[] switchedOff)
    {
        using ChildProgram suite = new(typeof(InstructionSetTests).Assembly.Location, "--filter", Tests);
        suite.With(WantedBits, $"{bits}");
        foreach (string name in switchedOff)
        {
            suite.With(name, "0");
        }

        ChildResult result = suite.Run();
        Assert.That(result.ExitCode, Is.Zero, result.Output + result.Error);
        Assert.That(result.Output, Does.Match(@"succeeded: [1-9]\d+"), result.Output);
    }

    [Test]
    public void The_vectors_are_those_asked_for()
    {
        int bits = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 0;
        string? wanted = Environment.GetEnvironmentVariable(WantedBits);
        Assert.That(bits, wanted is null ? Is.AnyOf(0, 256, 512) : Is.LessThanOrEqualTo(int.Parse(wanted)));
        Assert.That(wanted != "0" || (!Popcnt.IsSupported && !Sse.IsSupported), "intrinsics are off");
    }
}
