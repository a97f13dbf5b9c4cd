// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>When a leak is reported by scheduled scans: the table in docs/design/lifecycle.md, by the real detector.</summary>
[TestFixture]
internal sealed class LifeCycleTests
{
    [TestCase(0, 1)]
    [TestCase(1, 2)]
    [TestCase(2, 3)]
    [TestCase(4, 5)]
    public void ALeakIsReportedByTheScanThatTheTableNames(int minimumUnreferencedScans, int expected)
    {
        ExitResult result = ExitApp.Run("first-told minimum=" + minimumUnreferencedScans);
        Assert.That(result.Output, Is.EqualTo($"before=1 told={expected}\n"), result.Error);
    }

    [TestCase(0, 1)]
    [TestCase(1, 2)]
    public void AndByAScanOfTheRunningProcessToo(int minimumUnreferencedScans, int expected)
    {
        ExitResult result = ExitApp.Run("first-told minimum=" + minimumUnreferencedScans, ("NATIVELEAK_SCAN", "concurrent"));
        Assert.That(result.Output, Is.EqualTo($"before=1 told={expected}\n"), result.Error);
    }

    [TestCase(1, "while-writing=0")]
    [TestCase(0, "while-writing=1", Description = "The control: without a second look it is reported while it is written.")]
    public void ABlockThatIsStillWrittenIsNotReportedUntilThatEnds(int minimumUnreferencedScans, string expected)
    {
        ExitResult result = ExitApp.Run("written minimum=" + minimumUnreferencedScans);
        Assert.That(result.Output, Is.EqualTo(expected + "\ntold\n"), result.Error);
    }

    [Test]
    public void ABaselineIsNotToldAgainAndWhatItPointsToIsReachable()
    {
        ExitResult result = ExitApp.Run("clear");
        Assert.That(
            result.Output,
            Is.EqualTo("known=7777/0 after=0/7777 later=33333/7777\nfreed=33888/0\n"),
            "leaked/ignored bytes; freeing the baseline's block loses what it pointed to\n" + result.Error);
    }
}
