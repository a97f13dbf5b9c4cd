// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Build;

namespace NativeLeak.Benchmarks.Tests;

/// <summary>The table computes what its lines say.</summary>
[TestFixture]
internal sealed class FigureTableTests
{
    private const string TrackedRow = "TrackedMemory pair / NativeMemory pair, 1 thread";

    [Test]
    public void ALineIsRead()
    {
        ResultLine line = Read(3, "RESULT workload=churn peer=hook threads=2 cpu_ns_pair=12.50 note=none");
        Assert.Multiple(() =>
        {
            Assert.That((line.Round, line.Workload, line.Peer, line.Threads), Is.EqualTo((3, "churn", "hook", 2)));
            Assert.That(line.Values["cpu_ns_pair"], Is.EqualTo(12.5));
            Assert.That(line.Values, Does.Not.ContainKey("note"));
        });
    }

    [TestCase("")]
    [TestCase("NOTE workload=churn peer=hook")]
    [TestCase("RESULT peer=hook cpu_ns_pair=1")]
    [TestCase("RESULT workload=churn peer=hook word")]
    public void OtherLinesAreNone(string text) => Assert.That(ResultLine.TryParse(1, text), Is.Null);

    [TestCase(new[] { 3.0 }, 3.0)]
    [TestCase(new[] { 9.0, 1.0, 2.0 }, 2.0)]
    [TestCase(new[] { 4.0, 1.0, 2.0, 100.0 }, 3.0)]
    public void TheMedianIsTheMiddle(double[] values, double expected)
        => Assert.That(Figure.Median(values), Is.EqualTo(expected));

    [Test]
    public void RatiosAreMadeWithinARound()
    {
        // The machine was three times slower in the second round; the ratio is 2 in both, and 4 in the third.
        string table = FigureTable.Write(
        [
            Pair(1, "native-memory", 50), Pair(1, "tracked-memory", 100), Pair(2, "tracked-memory", 300), Pair(2, "native-memory", 150),
            Pair(3, "native-memory", 50), Pair(3, "tracked-memory", 200),
        ]);
        Assert.That(Row(table, TrackedRow), Does.Match(@" 2\.00 +2\.00 +4\.00 +3 +1\.5 +1 +NOT met$"));
    }

    [Test]
    public void AFigureThatWasNotMeasuredHasNoRow()
    {
        string table = FigureTable.Write([Pair(1, "native-memory", 50), Pair(2, "tracked-memory", 100)]);
        Assert.Multiple(() =>
        {
            Assert.That(table, Does.Not.Contain(TrackedRow));
            Assert.That(table, Does.Contain("NativeMemory, ns CPU per pair"));
        });
    }

    [Test]
    public void ARatioOfRatiosUsesBothBases()
    {
        string table = FigureTable.Write(
            [Pair(1, "native-memory", 50), Pair(1, "tracked-memory", 75), Pair(1, "raw", 40), Pair(1, "lsan", 600)]);
        Assert.That(Row(table, "TrackedMemory / NativeMemory over LSan / malloc"), Does.Match(@" 0\.10 .* aim met$"));
    }

    [TestCase(1.0, "aim met")]
    [TestCase(1.5, "met")]
    [TestCase(1.51, "NOT met")]
    public void AFigureIsJudged(double median, string verdict)
        => Assert.That(FigureTable.Figures.Single(figure => figure.Name == TrackedRow).Judge(median), Is.EqualTo(verdict));

    [TestCase(0.96, "aim met")]
    [TestCase(0.8, "met")]
    [TestCase(0.79, "NOT met")]
    public void AFigureOfWhichMoreIsBetterIsJudged(double median, string verdict)
        => Assert.That(FigureTable.Figures.Single(figure => figure.Name == "random words, 1 marker / own read bandwidth").Judge(median), Is.EqualTo(verdict));

    [Test]
    public void AFigureIsMadeFromLinesOfItsSize()
    {
        string table = FigureTable.Write(
        [
            Read(1, "RESULT workload=graph peer=nativeleak-1 n=1000000 cpu_ns_block=50"), Read(1, "RESULT workload=graph peer=boehm1 n=1000000 cpu_ns_block=200"),
            Read(1, "RESULT workload=graph peer=boehm1 n=100000 cpu_ns_block=10"),
        ]);
        Assert.That(Row(table, "check of 1e6 blocks, CPU / Boehm"), Does.Match(@" 0\.25 .* met$"));
    }

    [Test]
    public void EveryFigureHasItsName()
        => Assert.That(FigureTable.Figures.Select(figure => figure.Name), Is.Unique.And.All.Matches<string?>(name => name?.Length < 55));

    [TestCase("--rounds")]
    [TestCase("--rounds 0")]
    [TestCase("--rounds many")]
    [TestCase("--parts --peers")]
    [TestCase("--fast")]
    public void AWrongOptionIsUsage(string words)
        => Assert.That(() => BenchmarkOptions.Read(words.Split(' ')), Throws.InstanceOf<UsageException>());

    [TestCase("", false, 5)]
    [TestCase("--peers --rounds 9", true, 9)]
    [TestCase("--quick --peers", true, 2)]
    public void OptionsAreRead(string words, bool peers, int rounds)
    {
        BenchmarkOptions options = BenchmarkOptions.Read(words.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.That((options.Peers, options.Parts, options.Rounds), Is.EqualTo((peers, false, rounds)));
    }

    private static ResultLine Pair(int round, string peer, double nanoseconds)
        => Read(round, FormattableString.Invariant($"RESULT workload=churn peer={peer} threads=1 cpu_ns_pair={nanoseconds}"));

    private static ResultLine Read(int round, string text)
        => ResultLine.TryParse(round, text) ?? throw new ArgumentException(text, nameof(text));

    private static string Row(string table, string name)
        => table.Split('\n').Single(line => line.StartsWith(name, StringComparison.Ordinal));
}
