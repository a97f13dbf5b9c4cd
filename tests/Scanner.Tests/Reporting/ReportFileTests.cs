// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Reporting;

namespace NativeLeak.Scanner.Tests.Reporting;

[TestFixture]
internal sealed class ReportFileTests
{
    private string _folder = string.Empty;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void AFileIsPrivateCompleteAndAlone()
    {
        string path = Path.Combine(_folder, "report");
        Assert.That(ReportFile.Write(path, "text"u8), Is.True);
        Assert.That(File.ReadAllText(path), Is.EqualTo("text"));
        Assert.That(File.GetUnixFileMode(path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.That(Directory.GetFileSystemEntries(_folder), Has.Length.EqualTo(1), "nothing temporary is left");
    }

    [Test]
    public void AnOlderReportIsReplacedAsAWhole()
    {
        string path = Path.Combine(_folder, "report");
        File.WriteAllText(path, "an older and longer report");
        Assert.That(ReportFile.Write(path, "new"u8), Is.True);
        Assert.That(File.ReadAllText(path), Is.EqualTo("new"));
    }

    [Test]
    public void ASymbolicLinkIsReplacedAndNotFollowed()
    {
        string victim = Path.Combine(_folder, "victim"), path = Path.Combine(_folder, "report");
        File.WriteAllText(victim, "precious");
        File.CreateSymbolicLink(path, victim);
        Assert.That(ReportFile.Write(path, "new"u8), Is.True);
        Assert.That(File.ReadAllText(victim), Is.EqualTo("precious"));
        Assert.That(File.ResolveLinkTarget(path, returnFinalTarget: false), Is.Null);
    }

    [Test]
    public void ATemporaryNameThatIsTakenEvenByALinkIsLeftAlone()
    {
        string victim = Path.Combine(_folder, "victim"), path = Path.Combine(_folder, "report");
        File.WriteAllText(victim, "precious");
        File.CreateSymbolicLink(path + "." + Environment.ProcessId + ".0.tmp", victim);
        Assert.That(ReportFile.Write(path, "new"u8), Is.True);
        Assert.That(File.ReadAllText(victim), Is.EqualTo("precious"));
        Assert.That(File.ReadAllText(path), Is.EqualTo("new"));
    }

    [Test]
    public void APlaceThatCannotBeWrittenIsRefusedWithoutAnException()
    {
        Assert.Multiple(() =>
        {
            Assert.That(ReportFile.Write(Path.Combine(_folder, "no", "such", "folder"), "x"u8), Is.False);
            Assert.That(ReportFile.Write(_folder, "x"u8), Is.False, "a folder");
            Assert.That(ReportFile.Write("/dev/null", "x"u8), Is.False, "a device");
            Assert.That(ReportFile.Write("/proc/self/comm", "x"u8), Is.False, "a file of the kernel");
        });
    }

    [TestCase("stderr", true)]
    [TestCase("/dev/stderr", true)]
    [TestCase("stderr.txt", false)]
    public void TheErrorStreamHasItsNames(string text, bool expected)
        => Assert.That(ReportPath.IsStandardError(text), Is.EqualTo(expected));

    [Test]
    public void PlaceholdersAreFilledInAndCannotLeaveTheFolder()
    {
        DateTimeOffset time = new(2026, 1, 2, 3, 4, 5, TimeSpan.FromHours(2));
        Assert.That(
            ReportPath.Expand("/r/{app}.{pid}.{time}.json", "../a/b", 12, time),
            Is.EqualTo("/r/.._a_b.12.20260102_010405.json"));
    }
}
