// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.Versioning;
using System.Text.Json;

namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>A program under the detector looks from outside as it does without: same output, same errors, same exit code.</summary>
[TestFixture]
[SupportedOSPlatform("linux")]
internal sealed class HostSafetyTests
{
    private const string Program = "NativeLeak.LeakCases";
    private const int SIGHUP = 1;
    private const int SIGINT = 2;
    private const int SIGQUIT = 3;
    private const int SIGTERM = 15;

    [TestCase("output")]
    [TestCase("exit-code")]
    [TestCase("exit-call")]
    [TestCase("unhandled-exception")]
    [TestCase("exception-on-other-thread")]
    [TestCase("work-at-exit")]
    public void AProgramLooksTheSameAndIsReported(string host)
    {
        (ChildResult plain, ChildResult watched) = RunTwice(host);
        Assert.Multiple(() =>
        {
            Assert.That(watched.Visible, Is.EqualTo(plain.Visible));
            Assert.That(Text(watched.RequiredReport, "process", "reason"), Is.EqualTo("exit"));
        });
    }

    [TestCase(SIGTERM)]
    [TestCase(SIGINT)]
    [TestCase(SIGHUP)]
    [TestCase(SIGQUIT)]
    public void ASignalEndsAProgramAsBeforeAndIsReported(int signal)
    {
        (ChildResult plain, ChildResult watched) = RunTwice("waiting-for-a-signal", signal);
        Assert.Multiple(() =>
        {
            Assert.That(watched.Visible, Is.EqualTo(plain.Visible));
            Assert.That(Text(watched.RequiredReport, "process", "reason"), Is.EqualTo("signal"));
        });
    }

    [Test]
    public void AProgramThatFailsFastLooksTheSame()
    {
        (ChildResult plain, ChildResult watched) = RunTwice("fail-fast");
        Assert.That(watched.Visible, Is.EqualTo(plain.Visible));
    }

    [TestCase("only-clone-refused")]
    [TestCase("clone-and-reading-refused", Description = "process_vm_readv as well")]
    public void WhereTheCloneIsRefusedTheRunningProgramIsReadAndTheReportIsConclusive(string host)
    {
        (ChildResult plain, ChildResult watched) = RunTwice(host);
        JsonElement report = watched.RequiredReport;
        JsonElement coverage = report.GetProperty("coverage");
        Assert.Multiple(() =>
        {
            Assert.That(watched.Visible, Is.EqualTo(plain.Visible));
            Assert.That(report.GetProperty("conclusive").GetBoolean(), Is.True, $"{coverage}");
            Assert.That(report.GetProperty("leaks").GetArrayLength(), Is.EqualTo(1));
            Assert.That(coverage.GetProperty("mode").GetString(), Is.EqualTo("concurrent"));
            Assert.That(string.Join('\n', coverage.GetProperty("warnings").EnumerateArray()), Does.Contain("scan=auto").And.Contain("error 1"));
        });
    }

    [TestCase("/proc/self/report.json", TestName = "An unwritable folder is one line of errors and nothing else")]
    [TestCase("/nowhere/at/all/report.json", TestName = "A folder that does not exist is one line of errors and nothing else")]
    public void AnUnwritableReportIsOneLine(string path)
    {
        (ChildResult plain, _) = RunTwice("exit-code");
        using ChildProgram child = new(Artifacts.ProgramOf(Program), "--host", "exit-code");
        ChildResult watched = child.UnderDetector().With("NATIVELEAK_LOG_PATH", path).Run();
        string[] added = watched.Error[plain.Error.Length..].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Multiple(() =>
        {
            Assert.That((watched.ExitCode, watched.Output), Is.EqualTo((plain.ExitCode, plain.Output)));
            Assert.That(watched.Error, Does.StartWith(plain.Error));
            Assert.That(added, Has.Length.EqualTo(1));
            Assert.That(added, Has.All.Contain(path));
        });
    }

    [Test]
    public void TheReportIsReadableByItsOwnerOnly()
    {
        using ChildProgram child = new(Artifacts.ProgramOf(Program), "--host", "output");
        _ = child.UnderDetector().Run().RequiredReport;
        Assert.That(File.GetUnixFileMode(child.ReportPath), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Test]
    public void TheDotnetCommandIsLeftAlone()
    {
        using ChildProgram plain = new("--version");
        using ChildProgram watched = new("--version");
        ChildResult result = watched.UnderDetector().Run();
        Assert.Multiple(() =>
        {
            Assert.That(result.Visible, Is.EqualTo(plain.Run().Visible));
            Assert.That(result.Report, Is.Null);
        });
    }

    private static (ChildResult Plain, ChildResult Watched) RunTwice(string host, int signal = 0, string options = "")
    {
        using ChildProgram plain = new(Artifacts.ProgramOf(Program), "--host", host);
        using ChildProgram watched = new(Artifacts.ProgramOf(Program), "--host", host);
        return (plain.Run(signal), watched.UnderDetector(options).Run(signal));
    }

    private static string Text(JsonElement report, string group, string name)
        => report.GetProperty(group).GetProperty(name).GetString()!;
}
