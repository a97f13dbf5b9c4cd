// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Build;

namespace NativeLeak.Project.Tests;

/// <summary>The sum that CI reads is never greener than the suites were.</summary>
[TestFixture]
internal sealed class SuiteResultTests
{
    private const int ExitSuccess = 0;
    private const int ExitTestsFailed = 2;
    private const int ExitNothingRan = 8;
    private const int ExitAborted = 134;

    [Test]
    public void AGreenSuiteCounts()
        => Expect(Read(Summary(5, 0, 5, 0), ExitSuccess), new SuiteResult(5, 0, 0), hasProblem: false);

    [Test]
    public void FailuresAndSkipsCount()
        => Expect(Read(Summary(9, 2, 6, 1), ExitTestsFailed), new SuiteResult(6, 2, 1), hasProblem: false);

    [Test]
    public void ACrashWithoutASummaryIsAFailure()
        => Expect(Read(["Process terminated."], ExitAborted), new SuiteResult(0, 1, 0), hasProblem: true);

    [Test]
    public void ACrashAfterAGreenSummaryIsAFailure()
        => Expect(Read(Summary(5, 0, 5, 0), ExitAborted), new SuiteResult(5, 1, 0), hasProblem: true);

    [Test]
    public void TheTimeLimitIsAFailure() => Expect(Read([], null), new SuiteResult(0, 1, 0), hasProblem: true);

    [Test]
    public void ASuiteThatRanNothingIsAFailure()
        => Expect(Read(Summary(0, 0, 0, 0), ExitNothingRan), new SuiteResult(0, 1, 0), hasProblem: true);

    [Test]
    public void NumbersThatDoNotAddUpAreAFailure()
        => Expect(Read(Summary(9, 0, 5, 0), ExitSuccess), new SuiteResult(5, 1, 0), hasProblem: true);

    [Test]
    public void ASummaryPrintedByATestDoesNotCount() => Expect(
        Read([.. Summary(99, 0, 99, 0), "some output", "  failed: 0", .. Summary(2, 1, 1, 0)], ExitTestsFailed),
        new SuiteResult(1, 1, 0), hasProblem: false);

    [Test]
    public void TheLineIsWhatCiReads() => Assert.Multiple(() =>
    {
        Assert.That(new SuiteResult(12, 0, 0).ToString(), Is.EqualTo("12 passed, 0 failed"));
        Assert.That(new SuiteResult(12, 1, 3).ToString(), Is.EqualTo("12 passed, 1 failed, 3 skipped"));
        Assert.That(new SuiteResult(1, 2, 3) + new SuiteResult(10, 20, 30), Is.EqualTo(new SuiteResult(11, 22, 33)));
    });

    private static (SuiteResult Result, string? Problem) Read(string[] lines, int? exitCode)
        => (SuiteResult.Read(lines, exitCode, out string? problem), problem);

    private static void Expect((SuiteResult Result, string? Problem) read, SuiteResult expected, bool hasProblem)
        => Assert.Multiple(() =>
        {
            Assert.That(read.Result, Is.EqualTo(expected));
            Assert.That(read.Problem, hasProblem ? Is.Not.Null : Is.Null);
        });

    private static string[] Summary(int total, int failed, int succeeded, int skipped) =>
    [
        "", "Test run summary: Some - suite.dll (net10.0|x64)", $"  total: {total}", $"  failed: {failed}",
        $"  succeeded: {succeeded}", $"  skipped: {skipped}", "  duration: 1s",
    ];
}
