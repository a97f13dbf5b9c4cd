// Licensed under the MIT License. See LICENSE in the repository root.
using LeakCases;

namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>Every scenario, run as a program of its own under the injected detector.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Children)]
internal sealed class LeakCaseTests
{
    private const string Program = "NativeLeak.LeakCases";

    /// <summary>Runs of a case, as long as all that is wrong with it may be chance.</summary>
    private const int Attempts = 2;

    private static IEnumerable<string> Names => CaseTable.All.Select(leakCase => leakCase.Name);

    [TestCaseSource(nameof(Names))]
    public void TheReportGivesTheVerdictsThatTheCaseDeclares(string name) => Check(name, static child => child);

    [TestCaseSource(nameof(Names))]
    public void TheSameHoldsForAScanOfTheRunningProcess(string name)
        => Check(name, static child => child.With("NATIVELEAK_SCAN", "concurrent"), mayMiss: true);

    [TestCase("DOTNET_gcServer", "1")]
    [TestCase("DOTNET_gcConcurrent", "0")]
    [TestCase("DOTNET_TieredCompilation", "1")]
    [TestCase("DOTNET_TieredPGO", "0")]
    [TestCase("DOTNET_ReadyToRun", "0")]
    [TestCase("DOTNET_EnableWriteXorExecute", "0")]
    [TestCase("DOTNET_EnableDiagnostics", "0")]
    public void TheVerdictsAreTheSameUnderEverySettingOfTheRuntime(string variable, string value)
    {
        string[] names = ["chain-1", "chain-4", "static-of-generic-type-held", "in-object-field-held", "in-object-field-dropped"];
        Assert.Multiple(() => Array.ForEach(names, name => Check(name, child => child.With(variable, value))));
    }

    // Where several looks must agree, a word of old data that only one of them met acquits: a miss may be chance there, too.
    private static void Check(string name, Func<ChildProgram, ChildProgram> prepare, bool mayMiss = false)
    {
        LeakCase leakCase = CaseTable.Find(name)!;
        for (int attempt = 1; ; attempt++)
        {
            using ChildProgram child = new(Artifacts.ProgramOf(Program), name);
            ChildResult result = prepare(child.UnderDetector(leakCase.Options)).Run();
            Assert.That(result.Visible, Is.EqualTo(((int?)0, "", "")), name);
            IReadOnlyList<VerdictDifference> differences = CaseVerdicts.Differences(leakCase, result.RequiredReport);
            if (attempt == Attempts || !differences.Any() || differences.Any(difference => !difference.MayBeChance && !(mayMiss && difference.IsMiss)))
            {
                Assert.That(differences, Is.Empty, name);
                return;
            }

            TestContext.Out.WriteLine($"{name}, attempt {attempt}: {string.Join("; ", differences)}");
        }
    }
}
