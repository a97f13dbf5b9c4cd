// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>Checks, root providers and what hints show in reports, with the real detector in processes of their own.</summary>
[TestFixture]
internal sealed class HintTests
{
    [Test]
    public void OfTwoChecksInParallelOnlyTheOneThatLeaksTellsAndABlockBelongsToAllChecksAroundIt()
    {
        string[] lines = Run("checks");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines, Does.Contain("check=test 0 conclusive=True sizes="));
            Assert.That(lines, Does.Contain("check=test 1 conclusive=True sizes=301,401"));
            Assert.That(lines, Does.Contain("check=inner conclusive=True sizes=600"));
            Assert.That(lines.Count(static line => line == "check=outer conclusive=True sizes=500,600,800"), Is.EqualTo(2),
                "and the same once more, though something leaked since it ended");
            Assert.That(lines, Does.Contain("check=none conclusive=True sizes=111,301,401,500,600,800,900"));
            Assert.That(lines, Does.Contain("ignored=1"));
        }
    }

    [Test]
    public void ACheckThatIsOnlyDisposedTellsItsLeaksAsAScheduledScanDoes()
    {
        ExitResult result = ExitApp.Run("check-disposed");
        Assert.That(result.Output.Split('\n'), Does.Contain("raised=leaky").And.Not.Contain("raised=clean"));
        Assert.That(result.ReportCount, Is.EqualTo(1), result.Error);
        Assert.That(result.Error, Does.Contain("in the check leaky"));
    }

    [Test]
    public void ABlockOnItsWayIsNotJudgedByTheNextScanAndIsByTheOneAfter() => Assert.That(Run("transient"), Is.EqualTo(new[]
    {
        "started=True", "hinted=True", "scan=0 young=1 definite=0", "scan=1 young=0 definite=1", "scan=2 young=0 definite=1",
    }));

    [Test]
    public void ProvidersKeepBlocksAndWhatGoesWrongInThemIsToldAndMakesTheReportInconclusive()
    {
        string[] lines = Run("providers");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines[1..4], Is.EqualTo(new[]
            {
                "check=none conclusive=True sizes=", "removed=True again=False", "check=none conclusive=True sizes=640",
            }));
            Assert.That(lines[4], Is.EqualTo("conclusive=False late=False"));
            Assert.That(lines[5], Does.Contain("a root provider threw InvalidOperationException"));
            Assert.That(lines[6], Is.EqualTo("conclusive=False"));
            Assert.That(lines[7], Does.StartWith("4464 root(s) of a provider were refused"));
        }
    }

    [Test]
    public void AProviderThatDoesNotReturnHoldsUpNoScanAndIsAskedAgainOnceItHas()
    {
        string[] lines = Run("provider-hangs");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines[1], Does.StartWith("conclusive=False calls=1 a root provider did not return within 2 s"));
            Assert.That(lines[2], Does.StartWith("conclusive=False calls=1 a root provider has not returned from an earlier call"));
            Assert.That(lines[3], Is.EqualTo("late=False"), "what it names after its time is refused");
            Assert.That(lines[4], Is.EqualTo("check=none conclusive=True sizes="));
        }
    }

    [Test]
    public void BlocksOfOneLineWithDifferentTagsAreGroupsOfTheirOwn()
    {
        string[] lines = Run("tags");
        Assert.That(lines, Does.Contain("tag=none blocks=1").And.Contain("tag=odd blocks=3").And.Contain("tag=even blocks=2"));
        Assert.That(lines, Does.Contain("json=True text=True"));
    }

    [Test]
    public void AnAdoptedBlockInsideAnotherIsRefusedAndTheReportSaysSo()
    {
        string[] lines = Run("overlap");
        Assert.That(lines, Does.Contain("adopted=False"));
        Assert.That(lines, Has.One.StartsWith("warning=1 block(s) given to BlockPool.Alloc or LeakHints.Adopt overlap"));
    }

    [Test]
    public void WithoutADetectorEveryHintAnswersNoAndOnlyEraseDoesAnything()
        => Assert.That(Run("hints-off"), Is.EqualTo(new[] { "end=throws", "any=False erased=0" }));

    private static string[] Run(string arguments)
    {
        ExitResult result = ExitApp.Run(arguments);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        return result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
