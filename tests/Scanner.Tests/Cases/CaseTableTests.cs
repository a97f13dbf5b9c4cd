// Licensed under the MIT License. See LICENSE in the repository root.
using LeakCases;

namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>The table of cases keeps its own rules.</summary>
[TestFixture]
internal sealed class CaseTableTests
{
    [Test]
    public void NamesAreUnique() => Assert.That(CaseTable.All.Select(leakCase => leakCase.Name), Is.Unique);

    [Test]
    public void EachBlockOfACaseHasASizeOfItsOwn() => Assert.Multiple(() =>
    {
        foreach (LeakCase leakCase in CaseTable.All)
        {
            Assert.That(leakCase.Blocks.Select(block => block.Size), Is.Unique, leakCase.Name);
        }
    });

    [Test]
    public void EachCaseHasATwinWithAnotherVerdict() => Assert.Multiple(() =>
    {
        foreach (LeakCase leakCase in CaseTable.All)
        {
            LeakCase? twin = CaseTable.Find(leakCase.Twin);
            Assert.That(twin, Is.Not.Null, leakCase.Name);
            Assert.That(Verdicts(twin!), Is.Not.EqualTo(Verdicts(leakCase)), leakCase.Name);
        }
    });

    [Test]
    public void EveryCasePlantsWhatItDeclares()
    {
        string[] names = ["chain-4", "tree-cut", "static-of-generic-type-held", "pthread-keys-inline-and-beyond-held"];
        Assert.Multiple(() =>
        {
            foreach (string name in names)
            {
                using ChildProgram child = new(Artifacts.ProgramOf("NativeLeak.LeakCases"), "--self-check", name);
                ChildResult result = child.Run();
                Assert.That((result.ExitCode, result.Error), Is.EqualTo(((int?)0, "")), name);
                Assert.That(result.Output, Does.StartWith($$"""{"name":"{{name}}","twin":"""), name);
            }
        });
    }

    private static string Verdicts(LeakCase leakCase) => string.Join(
        ' ', leakCase.Blocks.Skip(1).Select(block => $"{block.Definite}/{block.Indirect}/{block.Possible}"));
}
