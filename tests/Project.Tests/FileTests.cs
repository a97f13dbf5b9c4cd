// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.RegularExpressions;

namespace NativeLeak.Project.Tests;

/// <summary>Rules that every file keeps.</summary>
[TestFixture]
internal sealed partial class FileTests
{
    private const int MaximumLineCount = 400;
    private const string Licence = "// Licensed under the MIT License. See LICENSE in the repository root.";

    [Test]
    public void NoFileIsLongerThanFourHundredLines() => Assert.That(
        SourceTree.TextFiles.Select(path => (path, SourceTree.Lines(path).Length)).Where(file => file.Length > MaximumLineCount),
        Is.Empty);

    [Test]
    public void EveryCSharpFileStartsWithTheLicence() => Assert.That(
        SourceTree.TextFiles.Where(path => path.EndsWith(".cs", StringComparison.Ordinal)
            && SourceTree.Lines(path).FirstOrDefault() != Licence),
        Is.Empty);

    [Test]
    public void NoFileNamesAPathOfADevelopersMachine() => Assert.That(
        from path in SourceTree.TextFiles
        from line in SourceTree.Lines(path).Select((text, i) => new Finding(path, i + 1, text))
        where MachinePath().IsMatch(line.Text)
        select line,
        Is.Empty);

    [Test]
    public void NothingUnfinishedIsLeft() => Assert.That(
        from path in SourceTree.TextFiles
        where path.EndsWith(".cs", StringComparison.Ordinal) && !path.StartsWith("tests/Project.Tests/", StringComparison.Ordinal)
        from line in SourceTree.Lines(path).Select((text, i) => new Finding(path, i + 1, text))
        where Unfinished().IsMatch(line.Text)
        select line,
        Is.Empty);

    [TestCase("/hom" + "e/someone/project", true)]
    [TestCase("C:\\Users\\someone\\project", true)]
    [TestCase("see /proc/self/maps", false)]
    public void AMachinePathIsRecognised(string text, bool expected)
        => Assert.That(MachinePath().IsMatch(text), Is.EqualTo(expected));

    // Home folders, and the folders under / that build machines keep their checkouts in.
    [GeneratedRegex(@"(^|[\s""'`(=:])(/(home|Users|root|work|builds?|workspace|mnt|tmp)/\w|[A-Z]:\\(Users|src|work)\\)")]
    private static partial Regex MachinePath();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b|NotImplementedException")]
    private static partial Regex Unfinished();
}
