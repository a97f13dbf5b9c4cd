// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Build;

namespace NativeLeak.Benchmarks.Tests;

/// <summary>Every workload runs, small, and prints one line that can be read. No figure is judged here.</summary>
[TestFixture]
internal sealed class WorkloadTests
{
    private const int Blocks = 300;
    private const int Threads = 2;

    [TestCase("native-memory", false)]
    [TestCase("marshal", false)]
    [TestCase("tracked-off", false)]
    [TestCase("tracked-memory", true)]
    [TestCase("tracked-marshal", true)]
    [TestCase("hook", true)]
    public void TheChurnSaysWhatItDid(string peer, bool isRecorded)
    {
        ResultLine line = WorkloadProcess.Measure("churn", "--peer", peer, "--threads", $"{Threads}", "--pairs", "6000",
            "--blocks", $"{Blocks}", "--pause", "1");
        Assert.Multiple(() =>
        {
            Assert.That((line.Workload, line.Peer, line.Threads), Is.EqualTo(("churn", peer, Threads)));
            Assert.That(line.Values["cpu_ns_pair"], Is.Positive);
            Assert.That(line.Values["ns_pair"], Is.Positive);
            Assert.That(line.Values["recorded"], isRecorded ? Is.AtLeast(Threads * Blocks) : Is.Zero);
            Assert.That(line.Values["stacks"], isRecorded ? Is.AtLeast(64) : Is.Zero);
        });
    }

    [TestCase("native-memory", false)]
    [TestCase("tracked-memory", true)]
    [TestCase("hook", true)]
    public void RetainedBlocksAreWeighed(string peer, bool isRecorded)
    {
        ResultLine line = WorkloadProcess.Measure("retain", "--peer", peer, "--blocks", "20000", "--pause", "1");
        Assert.Multiple(() =>
        {
            Assert.That((line.Workload, line.Peer), Is.EqualTo(("retain", peer)));
            Assert.That(line.Values["rss_bytes_block"], Is.Positive);
            Assert.That(line.Values["metadata_bytes_block"], isRecorded ? Is.Positive : Is.Zero);
        });
    }

    [Test]
    public void FirstSightSeesNewStacksOnly()
    {
        ResultLine line = WorkloadProcess.Measure("first-sight", "--levels", "4", "--pause", "1");
        Assert.Multiple(() =>
        {
            Assert.That(line.Values["stacks"], Is.EqualTo(16));
            Assert.That(line.Values, Does.ContainKey("cpu_us_stack").And.ContainKey("cpu_us_stack_p95"));
        });
    }

    [TestCase("plain")]
    [TestCase("off")]
    [TestCase("on")]
    public void AStartIsTimedInTheStateItSays(string state)
    {
        ResultLine line = WorkloadProcess.Measure("start", "--peer", state, "--hello",
            Repository.ProgramOf("NativeLeak.Benchmarks.Hello"), "--hook", Repository.StartupHook);
        Assert.Multiple(() =>
        {
            Assert.That(line.Peer, Is.EqualTo(state));
            Assert.That(line.Values["exit_ms"], Is.AtLeast(line.Values["main_ms"]));
            Assert.That(line.Values["cpu_ms"], Is.Positive);
        });
    }

    // Once in a while a stale word of the process points into a planted block, which is then rightly called possible.
    [Retry(2)]
    [TestCase("1", "0", "nativeleak-1")]
    [TestCase("2", "0", "nativeleak")]
    [TestCase("2", "1", "nativeleak-holders")]
    public void ACheckOfAGraphFindsWhatWasPlantedAndNothingElse(string markers, string holders, string peer)
    {
        // Large enough for the helper to be started.
        ResultLine line = WorkloadProcess.MeasureScan(
            "graph", "--blocks", "200000", "--checks", "1", "--markers", markers, "--holders", holders);
        Assert.Multiple(() =>
        {
            Assert.That((line.Workload, line.Peer), Is.EqualTo(("graph", peer)));
            Assert.That((line.Values["planted"], line.Values["found"], line.Values["false"]), Is.EqualTo((2000.0, 2000.0, 0.0)));
            Assert.That(line.Values["cpu_ns_block"], Is.Positive);
        });
    }

    [TestCase("64", "0")]
    [TestCase("0", "64")]
    public void ACheckOfBigBlocksIsMeasuredBesideReadingThem(string random, string dense)
    {
        ResultLine line = WorkloadProcess.MeasureScan("scan", "--random", random, "--dense", dense, "--targets", "1000", "--checks", "1");
        Assert.That((double[])[line.Values["cpu_gb_s"], line.Values["copy_gb_s"], line.Values["read_gb_s"], line.Values["read_two_gb_s"]], Is.All.Positive);
    }

    [Test]
    public void ThePauseIsMeasuredWithThreads()
    {
        ResultLine line = WorkloadProcess.MeasureScan("pause", "--resident", "60", "--threads", "10", "--checks", "1");
        Assert.That(line.Values["pause_ms"], Is.Positive);
    }

    [Test]
    public void APeerThatShouldRecordAndDoesNotIsAFailure()
    {
        // One frame tells no call stacks apart: the churn's 64 become a handful, and the run must say so.
        (int exitCode, string output, string error) = WorkloadProcess.Run(
            new Dictionary<string, string> { ["NATIVELEAK_STACK_DEPTH"] = "1" },
            "churn", "--peer", "tracked-memory", "--pairs", "100", "--blocks", "100", "--pause", "1");
        Assert.Multiple(() =>
        {
            Assert.That(exitCode, Is.EqualTo(1));
            Assert.That(output, Does.Not.Contain("RESULT"));
            Assert.That(error, Does.Contain("call stacks"));
        });
    }

    [TestCase("churn")]
    [TestCase("churn --peer nobody")]
    [TestCase("nonsense --peer hook")]
    [TestCase("churn --peer hook --threads")]
    public void AWrongCommandLineIsUsage(string words)
    {
        (int exitCode, string output, string error) = WorkloadProcess.Run(new Dictionary<string, string>(), words.Split(' '));
        Assert.Multiple(() =>
        {
            Assert.That(exitCode, Is.EqualTo(64));
            Assert.That(output, Is.Empty);
            Assert.That(error, Does.StartWith("usage:"));
        });
    }
}
