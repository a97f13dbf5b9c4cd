// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;
using MisuseCases;
using NativeLeak.Scanner.Tests.Cases;

namespace NativeLeak.Scanner.Tests.Misuse;

/// <summary>
/// Every mistake, and every twin that is none, as a program of its own under the injected detector: the program goes on,
/// and the report says what was wrong and nothing else.
/// </summary>
[TestFixture]
internal sealed class MisuseCaseTests
{
    private const string Program = "NativeLeak.MisuseCases";

    private static IEnumerable<string> CaseNames => CaseTable.All.Select(misuseCase => misuseCase.Name);

    [TestCaseSource(nameof(CaseNames))]
    public void TheProgramGoesOnAndTheReportSaysWhatWasWrong(string name) => Check(name, static child => child);

    [TestCase("DOTNET_TieredCompilation", "0")]
    [TestCase("DOTNET_TieredPGO", "0")]
    [TestCase("DOTNET_ReadyToRun", "0")]
    [TestCase("DOTNET_gcServer", "1")]
    public void TheAnswersAreTheSameUnderEverySettingOfTheRuntime(string variable, string value)
    {
        string[] names =
            ["double-free-hook", "double-free-by-threads", "free-inside-a-block", "legal-pairs", "random-sequences", "write-after-free"];
        Assert.Multiple(() => Array.ForEach(names, name => Check(name, child => child.With(variable, value))));
    }

    [Test]
    public void TheTextReportHasThreeStacksAndTheSummaryStaysAboutLeaks()
    {
        using ChildProgram child = new(Artifacts.ProgramOf(Program), "double-free-hook");
        ChildResult result = child.UnderDetector().With("NATIVELEAK_FORMAT", "text").With("NATIVELEAK_LOG_PATH", "stderr").Run();
        string[] lines = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.Zero);
            Assert.That(lines, Has.One.Match("^==[0-9]+==NATIVELEAK: ERROR: detected misuse of native memory$"));
            Assert.That(lines, Has.One.Match("^==[0-9]+==NATIVELEAK: double free of 0x[0-9a-f]+ by Marshal.FreeHGlobal:$"));
            Assert.That(lines, Has.One.EqualTo("  freed before here:"));
            Assert.That(lines, Has.One.EqualTo("  allocated here by Marshal.AllocHGlobal:"));
            Assert.That(lines[^1], Does.StartWith("SUMMARY: NativeLeak: 0 byte(s) leaked in 0 block(s)"));
        });
    }

    [Test]
    public void MisuseAloneChangesNoExitCode()
    {
        using ChildProgram child = new(Artifacts.ProgramOf(Program), "double-free-hook");
        ChildResult result = child.UnderDetector("fail_on=definite").Run();
        Assert.That(result.RequiredReport.GetProperty("misuse").GetArrayLength(), Is.EqualTo(1));
        Assert.That(result.RequiredReport.GetProperty("leaks").GetArrayLength(), Is.Zero);
        Assert.That(result.ExitCode, Is.Zero);
    }

    // The control: what the detector survives and reports is what the C heap dies of.
    [TestCase("double-free-hook")]
    [TestCase("double-free-large")]
    [TestCase("double-free-by-threads-often")]
    [TestCase("free-inside-a-block")]
    [TestCase("bstr-freed-as-hglobal")]
    public void Control_without_the_detector_the_program_dies(string name)
    {
        using ChildProgram child = new(Artifacts.ProgramOf(Program), name);
        Assert.That(child.Run().ExitCode, Is.EqualTo(134).Or.EqualTo(139), "128 + SIGABRT or SIGSEGV");
    }

    private static void Check(string name, Func<ChildProgram, ChildProgram> prepare)
    {
        MisuseCase misuseCase = CaseTable.Find(name)!;
        using ChildProgram child = new(Artifacts.ProgramOf(Program), name);
        ChildResult result = prepare(child.UnderDetector(misuseCase.Options)).Run();
        Assert.That(result.Visible, Is.EqualTo(((int?)0, "went on\n", "")), name);
        JsonElement[] found = [.. result.RequiredReport.GetProperty("misuse").EnumerateArray()];
        Assert.That(found, Has.Length.EqualTo(misuseCase.Expected.Length), () => $"{name}: {result.Report}");
        for (int i = 0; i < found.Length; i++)
        {
            Compare(misuseCase.Expected[i], found[i], name);
        }
    }

    private static void Compare(ExpectedMisuse expected, JsonElement found, string name) => Assert.Multiple(() =>
    {
        Assert.That(found.GetProperty("kind").GetString(), Is.EqualTo(expected.Kind), name);
        Assert.That(found.GetProperty("count").GetInt64(), Is.EqualTo(expected.Count), name);
        Assert.That(found.GetProperty("freedWith").GetString(), Is.EqualTo(expected.FreedWith), name);
        if (expected.Allocator is not null)
        {
            Assert.That(found.GetProperty("allocator").GetString(), Is.EqualTo(expected.Allocator), name);
            Assert.That(found.GetProperty("allocationStack").GetArrayLength(), Is.Positive, name);
        }

        if (expected.Says is not null)
        {
            Assert.That(found.GetProperty("explanation").GetString(), Does.Contain(expected.Says), name);
        }

        // Of two frees at the same time the second may be judged before it is known where the first came from.
        if (expected.Kind == "double-free" && !name.Contains("threads", StringComparison.Ordinal))
        {
            Assert.That(found.GetProperty("firstFreeStack").GetArrayLength(), Is.Positive, name);
        }

        Names(found, "allocationStack", expected.AllocatedIn, name);
        Names(found, "stack", expected.FreedIn, name);
        Names(found, "firstFreeStack", expected.FirstFreedIn, name);
    });

    private static void Names(JsonElement found, string stack, string? method, string name)
    {
        if (method is not null)
        {
            JsonElement frame = found.GetProperty(stack).EnumerateArray()
                .FirstOrDefault(candidate => candidate.GetProperty("method").GetString()!.Contains(method, StringComparison.Ordinal));
            Assert.That(frame.ValueKind, Is.EqualTo(JsonValueKind.Object), () => $"{name}: no {method} in {stack} of {found}");
            Assert.That(frame.GetProperty("line").GetInt32(), Is.Positive, name);
        }
    }
}
