// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Text.Json;
using NativeLeak.Options;
using NativeLeak.Scanner.Tests.Cases;

namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>The levels, and what is not recorded, with the real detector in processes of their own.</summary>
[TestFixture]
internal sealed class LevelTests
{
    [Test]
    public void AStopEndsTheRecordingOfNewBlocksOnlyAndLaterReportsCountThem()
    {
        string[] lines = Run("gap");
        Assert.That(lines, Does.Contain("level=On live=75 missed=30 unknown=10 conclusive=True"));
        Assert.That(lines, Has.One.Contains("recording was stopped 1 time(s)").And.Contains("30 block(s)"));
        Assert.That(lines, Has.One.Contains("the level stays on"));
    }

    [TestCase(100_000)]
    [TestCase(3_500_000)]
    public void MemoryThatRunsOutAmidThreadsEndsRecordingForGoodAndChangesNothingElse(int limit)
    {
        string[] lines = Run("limit limit=" + limit);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines, Does.Contain("sum=1599920000"), "the sum of 0 … 19,999 in each of eight threads");
            Assert.That(lines, Does.Contain("ended=True conclusive=False live=0 balanced=True"));
            Assert.That(lines, Does.Contain("again=0"), "no start brings it back");
            Assert.That(lines, Does.Contain(limit < 2 << 20 ? "recorded=False" : "recorded=True"), "the end came in the middle");
            string all = lines.Single(static line => line.StartsWith("all=", StringComparison.Ordinal)).Split(' ')[0][4..];
            Assert.That(int.Parse(all, CultureInfo.InvariantCulture), Is.GreaterThanOrEqualTo(8 * (20_000 + 6_667)));
            Assert.That(lines, Has.One.Contains("recording ended at").And.Contains("max_tracker_memory"));
            // What is there before the first block is more than the smaller limit.
            Assert.That(lines, limit < 2 << 20 ? Has.One.Contains("within=") : Has.One.Contains("within=True"));
        }
    }

    // The first start changes the runtime's functions amid their callers, the others begin and end recording: 210 starts in all.
    [TestCase(1)]
    [TestCase(20)]
    public void AStartAmidThreadsThatAllocateAndFreeLeavesTheCountersBalanced(int starts)
    {
        for (int i = 0; i < 10; i++)
        {
            string[] lines = Run("race starts=" + starts);
            Assert.That(lines, Does.Contain("live=0 bytes=0 balanced=True recorded=True unknown=True raced=True"),
                string.Join('\n', lines));
        }
    }

    [Test]
    public void WithoutALimitTheSameProgramIsRecordedWhole()
        => Assert.That(Run("limit limit=0"), Does.Contain("ended=False conclusive=True live=0 balanced=True"));

    [Test]
    public void AnEstimateLiesWhereItsErrorSays()
    {
        // Ten thousand live blocks of each of four sizes, at random seeds: eight true standard deviations of the sum of
        // independent draws are passed with a chance below 1e-14.
        const int Each = 5000;
        string[] lines = Run("estimate interval=8192 blocks=40000");
        Dictionary<string, double> values = lines[0].Split(' ').Select(static part => part.Split('='))
            .ToDictionary(static part => part[0], static part => double.Parse(part[1], CultureInfo.InvariantCulture));
        double blocks = 0, bytes = 0, blocksVariance = 0, bytesVariance = 0, samples = 0;
        foreach (double size in (double[])[32, 400, 3000, 20_000])
        {
            double chance = 1 - Math.Exp(-size / 8192);
            blocks += Each;
            bytes += Each * size;
            samples += Each * chance;
            blocksVariance += Each * (1 - chance) / chance;
            bytesVariance += Each * size * size * (1 - chance) / chance;
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(values["samples"], Is.EqualTo(samples).Within(8 * Math.Sqrt(samples)));
            Assert.That(values["blocks"], Is.EqualTo(blocks).Within(8 * Math.Sqrt(blocksVariance)));
            Assert.That(values["bytes"], Is.EqualTo(bytes).Within(8 * Math.Sqrt(bytesVariance)));
            Assert.That(values["error"], Is.EqualTo(Math.Sqrt(blocksVariance)).Within(0.5 * Math.Sqrt(blocksVariance)));
            Assert.That(lines, Does.Contain("unknown=0 level=Sample interval=8192"), "frees of blocks that were left out");
        }
    }

    [Test]
    public void NothingThatIsAllocatedAfterALateStartIsLost()
    {
        for (int i = 0; i < 3; i++)
        {
            Assert.That(Run("late"), Does.Contain("after=16000 recorded=16000"));
        }
    }

    [Test]
    public void LevelOffStartsNothing() => Assert.That(Run("off"), Is.EqualTo(new[] { "started=False enabled=False" }));

    [Test]
    public void AStartThatFailsIsToldWhereReportsGo()
    {
        string folder = Directory.CreateTempSubdirectory("nativeleak-").FullName;
        try
        {
            string path = Path.Join(folder, "report.json");
            Startup.Complain(
                new LeakDetectorOptions(new OptionSet()) { LogPath = path, Format = ReportFormat.Json }, "it did not start: why");
            using JsonDocument report = JsonDocument.Parse(File.ReadAllText(path));
            Assert.That(report.RootElement.GetProperty("conclusive").GetBoolean(), Is.False);
            Assert.That(
                report.RootElement.GetProperty("coverage").GetProperty("warnings").EnumerateArray().Select(static text => text.GetString()),
                Has.Some.Contains("it did not start: why"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestCase("count")]
    [TestCase("sample")]
    [TestCase("on")]
    [TestCase("paranoid")]
    public void UnderEachLevelAProgramRunsTheSameAndItsReportNamesTheLevel(string level)
    {
        using ChildProgram program = new(Artifacts.ProgramOf("NativeLeak.LeakCases"), "static-set-later-held");
        using ChildProgram plain = new(Artifacts.ProgramOf("NativeLeak.LeakCases"), "static-set-later-held");
        Cases.ChildResult bare = plain.Run();
        Cases.ChildResult watched = program.UnderDetector("sample_interval=1,fail_on=reachable").With("NATIVELEAK", level).Run();
        JsonElement report = watched.RequiredReport;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(watched.Output, Is.EqualTo(bare.Output));
            Assert.That(watched.ExitCode, Is.EqualTo(level == "count" ? bare.ExitCode : 23), "count fails nothing");
            Assert.That(report.GetProperty("tracker").GetProperty("level").GetString(), Is.EqualTo(level));
            Assert.That(report.GetProperty("conclusive").GetBoolean(), Is.EqualTo(level != "count"));
            Assert.That(report.GetProperty("estimates").ValueKind, Is.EqualTo(level == "sample" ? JsonValueKind.Object : JsonValueKind.Null));
            Assert.That(report.GetProperty("stillAllocated").GetArrayLength(), level == "count" ? Is.GreaterThan(0) : Is.Zero);
            Assert.That(report.GetProperty("totals").GetProperty("live").GetProperty("blocks").GetInt64(), Is.GreaterThan(0));
        }
    }

    private static string[] Run(string arguments)
    {
        ExitResult result = ExitApp.Run(arguments);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        return result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
