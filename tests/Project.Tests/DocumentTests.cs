// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.RegularExpressions;
using LeakCases;
using NativeLeak.Build;

namespace NativeLeak.Project.Tests;

/// <summary>Documents say what is there.</summary>
[TestFixture]
internal sealed partial class DocumentTests
{
    private const string Scenarios = "docs/scenarios.md";
    private const int ScenarioCount = 150;

    private static IEnumerable<string> Documents
        => SourceTree.TextFiles.Where(path => path.EndsWith(".md", StringComparison.Ordinal));

    [Test]
    public void EveryCommandInADocumentIsAVerb() => Assert.That(
        from path in Documents
        from line in SourceTree.Lines(path).Select((text, i) => new Finding(path, i + 1, text))
        from Match match in Command().Matches(line.Text)
        where !BuildProgram.Verbs.Any(verb => verb.Name == match.Groups["verb"].Value)
        select line,
        Is.Empty);

    [Test]
    public void ReadmeShowsEveryVerb() => Assert.That(
        BuildProgram.Verbs.Select(verb => verb.Name).Where(name => !SourceTree.Text("README.md").Contains($"build.sh {name}")),
        Is.SubsetOf((string[])["restore", "clean", "help"]));

    [Test]
    public void EveryFileADocumentKeepsInSyncWithExists()
    {
        string[] documents = [.. Documents.Where(path => path.StartsWith("docs/", StringComparison.Ordinal) || path == "ARCHITECTURE.md")];
        Assert.Multiple(() =>
        {
            foreach (string path in documents)
            {
                // A paragraph that begins with these words names the files in code quotes.
                string[] paragraph = [.. SourceTree.Lines(path)
                    .SkipWhile(text => !text.StartsWith("Keep in sync with", StringComparison.Ordinal))
                    .TakeWhile(text => text.Length > 0)];
                Assert.That(paragraph, Is.Not.Empty, $"{path} does not say what it is kept in sync with");
                string[] named = [.. Names(string.Join('\n', paragraph))];
                Assert.That(named, Is.Not.Empty, path);
                Assert.That(named.Where(name => !SourceTree.Exists(name)), Is.Empty, path);
            }
        });
    }

    [Test]
    public void EveryLinkBetweenDocumentsLeadsSomewhere() => Assert.That(
        from path in Documents
        from Match match in Link().Matches(SourceTree.Text(path))
        let target = match.Groups["target"].Value
        where !target.Contains("://", StringComparison.Ordinal)
            && !SourceTree.Exists(Path.Combine(Path.GetDirectoryName(path) ?? "", target))
        select $"{path}: {target}",
        Is.Empty);

    [Test]
    public void EveryScenarioHasItsRow()
    {
        HashSet<int> rows = [.. SourceTree.Lines(Scenarios).Select(line => Row().Match(line)).Where(match => match.Success)
            .Select(match => int.Parse(match.Groups["number"].Value, null))];
        Assert.That(Enumerable.Range(1, ScenarioCount).Except(rows), Is.Empty);
    }

    [Test]
    public void TheTableNamesTheCasesOfEveryScenarioAndNoOthers() => Assert.Multiple(() =>
    {
        foreach (string line in SourceTree.Lines(Scenarios))
        {
            if (Row().Match(line) is not { Success: true } row)
            {
                continue;
            }

            int number = int.Parse(row.Groups["number"].Value, null);
            IEnumerable<string> named = Names(row.Groups["cases"].Value);
            IEnumerable<string> covering = CaseTable.All.Where(leakCase => leakCase.Scenarios.Contains(number)).Select(leakCase => leakCase.Name);
            Assert.That(named, Is.EquivalentTo(covering), $"scenario {number}");
        }
    });

    [Test]
    public void TheCasesWithoutANumberAreNamedBehindTheTable()
    {
        IEnumerable<string> paragraph = SourceTree.Lines(Scenarios)
            .SkipWhile(text => !text.StartsWith("Cases without a number:", StringComparison.Ordinal))
            .TakeWhile(text => text.Length > 0);
        Assert.That(
            Names(string.Join('\n', paragraph)),
            Is.EquivalentTo(CaseTable.All.Where(leakCase => leakCase.Scenarios.Count == 0).Select(leakCase => leakCase.Name)));
    }

    [Test]
    public void EveryPathADocumentNamesExists() => Assert.That(
        from path in Documents
        from name in Names(SourceTree.Text(path))
        where SourcePath().IsMatch(name) && !SourceTree.Exists(name)
        select $"{path}: {name}",
        Is.Empty);

    [Test]
    public void EveryTestADocumentNamesExists()
    {
        string[] sources = [.. SourceTree.CSharp("tests").Select(SourceTree.Text)];
        Assert.That(
            from path in Documents
            from name in Names(SourceTree.Text(path))
            let test = TestName().Match(name)
            where test.Success && !sources.Any(source => Holds(source, test.Groups["fixture"].Value, test.Groups["test"].Value))
            select $"{path}: {name}",
            Is.Empty);
    }

    private static IEnumerable<string> Names(string text)
        => Quoted().Matches(text).Select(match => match.Groups["text"].Value);

    private static bool Holds(string source, string fixture, string test)
        => Regex.IsMatch(source, $@"\bclass {fixture}\b")
            && (test.Length == 0 || source.Contains($" {test}(", StringComparison.Ordinal)
                || source.Contains($"\"{test}\"", StringComparison.Ordinal));

    [GeneratedRegex(@"build\.(sh|ps1) (?<verb>[a-z][a-z-]*)")]
    private static partial Regex Command();

    [GeneratedRegex(@"^(src|tests|eng|docs|samples|benchmarks)/[\w./-]+$")]
    private static partial Regex SourcePath();

    [GeneratedRegex(@"^(?<fixture>\w+Tests)(\.(?<test>\w+))?$")]
    private static partial Regex TestName();

    [GeneratedRegex("`(?<text>[^`\\n]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\]\((?<target>[^)#\s]+)(#[^)]*)?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^\| *(?<number>\d+) *\|(?<idea>[^|]*)\|(?<cases>[^|]*)\|")]
    private static partial Regex Row();
}
