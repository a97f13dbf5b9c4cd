// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Benchmarks.Tests;

/// <summary>The measurements of parts prove what they measured. No figure is judged here.</summary>
[TestFixture]
internal sealed class PartsTests
{
    private const string Program = "NativeLeak.Benchmarks.Parts";

    [Test]
    public void EveryPartDoesWhatItSaysAndAPairOfAnEmittedMethodIsRefused()
    {
        (int exitCode, string output, string error) = Run("self-check");
        Assert.That(exitCode, Is.Zero, output + error);
        string[] parts =
        [
            "malloc + free", "through the hook", "TrackedMemory pair", "TrackedMarshal pair", "walk, 16 frames", "recall", "intern",
            "record insert", "record remove", "gate", "clock", "guard enter", "find and pin", "first sight",
        ];
        Assert.That(parts.Where(part => !output.Contains(part, StringComparison.Ordinal)), Is.Empty, output);
        Assert.That(output, Does.Contain("refused: the recorder saw another stack").And.Contain("one of code that goes away"));
    }

    [Test]
    public void ARunFailsWhenAProofDoes()
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "parts");
        string[] words = ["--filter", "*StackParts.Recall", "--job", "dry", "--artifacts", folder];
        (int right, string output, _) = Run(words);
        (int wrong, _, _) = Run([.. words, "broken"]);
        Assert.That((right, wrong), Is.EqualTo((0, 1)), output);
    }

    private static (int ExitCode, string Output, string Error) Run(params string[] words)
        => WorkloadProcess.RunProgram(Program, new Dictionary<string, string>(), words);
}
