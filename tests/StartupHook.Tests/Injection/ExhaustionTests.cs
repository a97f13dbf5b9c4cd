// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.StartupHook.Tests.Injection;

/// <summary>An application in a process that the system gives no more memory: it must not notice that we are there.</summary>
[TestFixture]
internal sealed class ExhaustionTests
{
    private InjectFolder _inject = null!;
    private string _folder = "";

    [OneTimeSetUp]
    public void Inject() => _inject = InjectFolder.Create();

    [OneTimeTearDown]
    public void RemoveInject() => _inject.Dispose();

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-exhaustion-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    private string ReportPath => Path.Join(_folder, "report.json");

    [TestCase("on")]
    [TestCase("count")]
    [TestCase("paranoid")]
    public void When_records_cannot_grow_any_more_recording_ends_for_good_and_frees_stay_balanced(string level)
    {
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["exhaust"]);
        ChildResult hooked = ChildProcess.Dotnet(Apps.PlainApp, ["exhaust"], Variables(level));
        JsonElement report = Report(hooked);
        JsonElement tracker = report.GetProperty("tracker");
        string[] warnings = [.. report.GetProperty("coverage").GetProperty("warnings").EnumerateArray().Select(static text => text.GetString()!)];
        long recorded = tracker.GetProperty("recordedBlocks").GetInt64(), missed = tracker.GetProperty("missedBlocks").GetInt64();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(plain, Is.EqualTo(new ChildResult(6, "exhausted=79999800000\n", "")));
            Assert.That(hooked, Is.EqualTo(plain), "same output, same exit code");
            Assert.That(warnings.Where(static text => text.Contains("recording ended", StringComparison.Ordinal)), Has.Exactly(1).Contains(
                "the system refused memory for records"));
            Assert.That(report.GetProperty("conclusive").GetBoolean(), Is.False);
            // The end came in the middle; the last thousand blocks came when there was memory again.
            Assert.That(recorded, Is.InRange(1000, 390_000));
            Assert.That(recorded + missed, Is.EqualTo(401_000));
            Assert.That(tracker.GetProperty("freedBlocks").GetInt64(), Is.EqualTo(recorded));
            Assert.That(tracker.GetProperty("unknownFrees").GetInt64(), Is.EqualTo(missed));
        }
    }

    // Our tables would like to reserve far more than any of these: the application must find the room that it has without us.
    // The least with which the application itself runs is between 1.3 and 1.5 GB; what we add at all (code, a thread) needs some more.
    // What is left of 2.3 GB does not do for our tables: then nothing is recorded, and the report says why.
    [TestCase(2300, false)]
    [TestCase(6000, true)]
    [TestCase(12_000, true)]
    [TestCase(100_000, true)]
    public void In_a_limited_address_space_the_application_runs_the_same(int megabytes, bool isRecorded)
    {
        ChildResult plain = RunLimited(megabytes);
        ChildResult hooked = RunLimited(megabytes, Variables("on"));
        JsonElement report = Report(hooked);
        string warnings = report.GetProperty("coverage").GetProperty("warnings").GetRawText();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(plain.ExitCode, Is.EqualTo(5), plain.Error);
            Assert.That(hooked, Is.EqualTo(plain));
            Assert.That(report.GetProperty("tracker").GetProperty("recordedBlocks").GetInt64(),
                isRecorded ? Is.GreaterThan(60_000) : Is.Zero);
            Assert.That(warnings, isRecorded ? Does.Not.Contain("refused the memory")
                : Does.Contain("the system refused the memory for the detector's tables"));
            Assert.That(report.GetProperty("conclusive").GetBoolean(), Is.EqualTo(isRecorded));
            Assert.That(report.GetProperty("tracker").GetProperty("missedBlocks").GetInt64(), Is.Zero);
        }
    }

    // The managed heap reserves 256 GiB unless it is told to make do with less.
    private static ChildResult RunLimited(int megabytes, params (string Name, string? Value)[] variables)
        => ChildProcess.Run("sh", ["-c", $"ulimit -v {megabytes * 1000L} && exec dotnet exec \"$0\" work", Apps.PlainApp],
            [.. variables, ("DOTNET_GCHeapHardLimit", "0x8000000")]);

    private (string Name, string? Value)[] Variables(string level) => [("DOTNET_STARTUP_HOOKS", _inject.Hook),
        ("NATIVELEAK", level), ("NATIVELEAK_FORMAT", "json"), ("NATIVELEAK_LOG_PATH", ReportPath)];

    private JsonElement Report(ChildResult hooked)
    {
        Assert.That(ReportPath, Does.Exist, hooked.Output + hooked.Error);
        using JsonDocument report = JsonDocument.Parse(File.ReadAllBytes(ReportPath));
        return report.RootElement.Clone();
    }
}
