// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;
using LeakCases;

namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>The controls of the comparison: reports that are wrong in one thing each must be noticed.</summary>
[TestFixture]
internal sealed class CaseVerdictsTests
{
    private static readonly LeakCase s_case = new(
        "name", "twin", [], [ExpectedBlock.Lost("A", references: 1), ExpectedBlock.Indirectly("B"), ExpectedBlock.Live("C")],
        static _ => { })
    {
        Site = "Make",
    };

    private static readonly int s_canary = Size(LeakCase.Canary);
    private static readonly int s_a = Size("A");
    private static readonly int s_b = Size("B");
    private static readonly int s_c = Size("C");

    [Test]
    public void ARightReportHasNoDifferences() => Assert.That(Differences(RightLeaks()), Is.Empty);

    [Test]
    public void AReportThatSaysNothingIsWrong() => Assert.That(Differences([]), Has.Count.EqualTo(7));

    [Test]
    public void AMissingLeakIsNoticed()
        => Assert.That(Differences([.. RightLeaks().Where(leak => !leak.Contains($"\"size\":{s_a}"))]), Is.Not.Empty);

    [Test]
    public void ALiveBlockThatIsListedIsNoticed()
        => Assert.That(Differences([.. RightLeaks(), Leak("possible", s_c, 1, 0)]), Has.Count.EqualTo(2));

    [Test]
    public void ALeakThatWasNotPlantedIsNoticed()
        => Assert.That(Differences([.. RightLeaks(), Leak("definite", 12345, 1, 0)]), Has.Count.EqualTo(1));

    [Test]
    public void TheWrongKindIsNoticed()
        => Assert.That(
            Differences([Leak("definite", s_canary, 1, 0), Leak("definite", s_a, 1, 1), Leak("definite", s_b, 1, 0)]),
            Has.Count.EqualTo(2));

    [Test]
    public void AWrongNumberOfBlocksThatHangFromALeakIsNoticed()
        => Assert.That(
            Differences([Leak("definite", s_canary, 1, 0), Leak("definite", s_a, 1, 0), Leak("indirect", s_b, 1, 0)]),
            Has.Count.EqualTo(1));

    [Test]
    public void OnlyALostBlockThatIsListedAsPossibleMayBeChance() => Assert.Multiple(() =>
    {
        string[] canary = [Leak("definite", s_canary, 1, 0)];
        Assert.That(
            Differences([.. canary, Leak("possible", s_a, 1, 0), Leak("possible", s_b, 1, 0)]),
            Is.Not.Empty.And.All.Property("MayBeChance").True);
        Assert.That(
            Differences([.. RightLeaks(), Leak("possible", s_c, 1, 0)]), Has.Some.Property("MayBeChance").False);
        Assert.That(Differences(canary), Has.Some.Property("MayBeChance").False);
    });

    [Test]
    public void AStackWithoutTheSiteIsNoticed()
        => Assert.That(Differences([.. RightLeaks().Select(leak => leak.Replace("Case.Make", "Case.Other"))]), Is.Not.Empty);

    [Test]
    public void AnInconclusiveScanIsNoticed()
        => Assert.That(Differences(RightLeaks(), conclusive: "false"), Has.Count.EqualTo(1));

    [Test]
    public void ABlockThatIsIgnoredAndShouldNotBeIsNoticed()
        => Assert.That(Differences(RightLeaks(), ignored: 1), Has.Count.EqualTo(1));

    private static string[] RightLeaks()
        => [Leak("definite", s_canary, 1, 0), Leak("definite", s_a, 1, 1), Leak("indirect", s_b, 1, 0)];

    private static IReadOnlyList<VerdictDifference> Differences(string[] leaks, string conclusive = "true", int ignored = 0)
    {
        using JsonDocument report = JsonDocument.Parse($$"""
            {
              "conclusive": {{conclusive}},
              "coverage": { "threadsFound": 2, "threadsParked": 2 },
              "scan": { "number": 1 },
              "totals": { "reachable": { "blocks": 1 }, "ignored": { "blocks": {{ignored}} } },
              "leaks": [ {{string.Join(",", leaks)}} ]
            }
            """);
        return CaseVerdicts.Differences(s_case, report.RootElement);
    }

    private static string Leak(string kind, int size, int blocks, int indirectBlocks) => $$"""
        {"kind":"{{kind}}","blocks":{{blocks}},"bytes":{{blocks * size}},"indirectBlocks":{{indirectBlocks}},
         "samples":[{"size":{{size}}}],"stack":[{"method":"Case.Make()","file":"Case.cs","line":3}]}
        """;

    private static int Size(string name) => s_case.Blocks.First(block => block.Name == name).Size;
}
