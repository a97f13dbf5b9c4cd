// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>Each way of ending, in a process of its own: one report, and the exit code that the way itself
/// gives.</summary>
[TestFixture]
internal sealed class ExitReporterTests
{
    private const int SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGABRT = 6, SIGTERM = 15;

    private static readonly (string, string) s_failing = ("NATIVELEAK_FAIL_ON", "definite");

    [TestCase("return", 0)]
    [TestCase("return code=5", 5)]
    [TestCase("exit", 0)]
    [TestCase("exit code=5", 5)]
    [TestCase("exit-from-thread code=6", 6)]
    [TestCase("exit-during-scan scan=300", 0)]
    [TestCase("throw", 128 + SIGABRT)]
    [TestCase("throw-then-exit code=7", 7)]
    public void AnEndOfTheProgramIsReportedOnceAndChangesNothing(string way, int exitCode)
        => Check(way, exitCode, "at exit");

    [TestCase("return", 23)]
    [TestCase("return code=5", 5)]
    [TestCase("exit", 23)]
    [TestCase("exit code=5", 5)]
    [TestCase("exit-from-thread", 23)]
    [TestCase("exit-during-scan scan=300", 23)]
    [TestCase("throw", 128 + SIGABRT)]
    [TestCase("throw-then-exit code=0", 23)]
    [TestCase("return leaks=0", 0)]
    public void WhenAskedForACodeOfZeroAloneIsReplaced(string way, int exitCode)
    {
        ExitResult result = ExitApp.Run(way, s_failing, ("NATIVELEAK_VERBOSITY", "1"));
        Assert.That((result.ExitCode, result.ReportCount), Is.EqualTo((exitCode, 1)), result.Error);
    }

    [TestCase(SIGTERM)]
    [TestCase(SIGINT)]
    [TestCase(SIGHUP)]
    [TestCase(SIGQUIT)]
    public void ASignalIsReportedOnceAndEndsTheProcessAsItAlwaysDoes(int signal)
    {
        Check("signal code=" + signal, 128 + signal, "on a signal that ends the process", s_failing);
        Check("signal-twice scan=300 code=" + signal, 128 + signal, "on a signal that ends the process", s_failing);
    }

    [TestCase(SIGTERM)]
    [TestCase(SIGINT)]
    [TestCase(SIGHUP)]
    [TestCase(SIGQUIT)]
    public void ASignalThatTheApplicationHandlesIsReportedWhenItReallyEnds(int signal)
        => Check("handled-signal code=" + signal, 23, "at exit", s_failing);

    [Test]
    public void AReturnFromMainDuringTheReportOfASignalGivesNoSecondReport()
    {
        // Which of the two ends wins is a race of the application's own.
        ExitResult result = ExitApp.Run("signal-then-return scan=300 code=15");
        Assert.That(result.ReportCount, Is.EqualTo(1), result.Error);
        Assert.That(result.ExitCode, Is.EqualTo(128 + SIGTERM).Or.Zero);
    }

    [Test]
    public void AScanThatTakesTooLongIsAnInconclusiveReportThatSaysSoAndFailsNothing()
    {
        ExitResult result = ExitApp.Run("return limit=50 scan=60000", s_failing);
        Assert.That((result.ExitCode, result.ReportCount), Is.EqualTo((0, 1)), result.Error);
        Assert.That(result.Error, Does.Contain("INCONCLUSIVE").And.Contain("the exit scan took longer than 0.05 s"));
    }

    [Test]
    public void WithoutLeaksNothingIsPrintedUnlessAsked()
    {
        Assert.That(ExitApp.Run("return leaks=0").Error, Is.Empty);
        Assert.That(ExitApp.Run("return leaks=0", ("NATIVELEAK_VERBOSITY", "1")).Error, Does.Contain("no leaks"));
    }

    [TestCase("exit", "signal code=15", 128 + SIGTERM)]
    [TestCase("signal", "return", 0)]
    [TestCase("none", "return", 0)]
    public void EndsThatAreNotWantedAreNotReported(string occasions, string way, int exitCode)
    {
        ExitResult result = ExitApp.Run(way, ("NATIVELEAK_REPORT_AT", occasions), s_failing);
        Assert.That((result.ExitCode, result.ReportCount), Is.EqualTo((exitCode, 0)), result.Error);
    }

    [Test]
    public void AReportFileIsWrittenAlsoWhenNothingLeakedAndStreamsStayUntouched()
    {
        string folder = Directory.CreateTempSubdirectory("nativeleak-").FullName;
        try
        {
            ExitResult result = ExitApp.Run(
                "return leaks=0", ("NATIVELEAK_OPTIONS", "format=json,log_path=" + folder + "/{app}.{pid}.json"));
            string file = Directory.GetFiles(folder).Single();
            using JsonDocument report = JsonDocument.Parse(File.ReadAllText(file));
            string? reason = report.RootElement.GetProperty("process").GetProperty("reason").GetString();
            Assert.Multiple(() =>
            {
                Assert.That((result.Output, result.Error, result.ExitCode), Is.EqualTo(("started\n", "", 0)));
                Assert.That(Path.GetFileName(file), Does.Match(@"^NativeLeak\.ExitApps\.\d+\.json$"));
                Assert.That(reason, Is.EqualTo("exit"));
                Assert.That(report.RootElement.GetProperty("leaks").GetArrayLength(), Is.Zero);
            });
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void APlaceThatCannotBeWrittenIsOneLineAndTheProgramEndsAsBefore()
    {
        ExitResult result = ExitApp.Run("return code=3", ("NATIVELEAK_LOG_PATH", "/proc/no/such/file"));
        Assert.That((result.ExitCode, result.Output), Is.EqualTo((3, "started\n")));
        string[] lines = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Has.Length.EqualTo(1).And.One.Contains("/proc/no/such/file"));
    }

    private static void Check(string way, int exitCode, string reason, params (string, string)[] variables)
    {
        ExitResult result = ExitApp.Run(way, variables);
        Assert.Multiple(() =>
        {
            Assert.That((result.ExitCode, result.ReportCount), Is.EqualTo((exitCode, 1)), result.Error);
            Assert.That(result.Error, Does.Contain("; " + reason));
            Assert.That(result.Output, Is.EqualTo("started\n"));
        });
    }
}
