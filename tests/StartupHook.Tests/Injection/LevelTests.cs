// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.StartupHook.Tests.Injection;

/// <summary>An application that knows nothing of us, under each level and at the edges of recording.</summary>
[TestFixture]
internal sealed class LevelTests
{
    private InjectFolder _inject = null!;
    private string _folder = "";

    [OneTimeSetUp]
    public void Inject() => _inject = InjectFolder.Create();

    [OneTimeTearDown]
    public void RemoveInject() => _inject.Dispose();

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-levels-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("count", "")]
    [TestCase("sample", "sample_interval=0")]
    [TestCase("on", "")]
    [TestCase("paranoid", "")]
    public void Every_level_that_takes_every_block_sees_the_two_that_the_application_loses(string level, string options)
    {
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["work"]);
        (ChildResult hooked, JsonElement report) = Run("work", level, options);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(hooked, Is.EqualTo(plain));
            Assert.That(Live(report), Is.EqualTo((2, 1016)));
            Assert.That(report.GetProperty("tracker").GetProperty("level").GetString(), Is.EqualTo(level));
            Assert.That(report.GetProperty("tracker").GetProperty("recordedBlocks").GetInt64(), Is.GreaterThan(60_000));
        }
    }

    [Test]
    public void A_count_names_the_line_of_the_application_that_allocated()
    {
        (_, JsonElement report) = Run("work", "count", "");
        string[] rows = [.. report.GetProperty("stillAllocated").EnumerateArray().Select(static row =>
            row.GetProperty("allocator").GetString() + " " + row.GetProperty("bytes").GetInt64() + " "
                + row.GetProperty("stack").EnumerateArray().Last().GetProperty("assembly").GetString())];
        Assert.That(rows, Is.EqualTo(new[] { "Marshal.AllocHGlobal 1000 PlainApp", "Marshal.StringToCoTaskMemUTF8 16 PlainApp" }));
    }

    [Test]
    public void A_sample_records_few_and_the_application_runs_the_same()
    {
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["work"]);
        (ChildResult hooked, JsonElement report) = Run("work", "sample", "sample_interval=64k");
        // 20,000 blocks of 350 bytes, as many of 2,000, and small ones: some 750 samples; a tenth of all is far away.
        using (Assert.EnterMultipleScope())
        {
            Assert.That(hooked, Is.EqualTo(plain));
            Assert.That(report.GetProperty("tracker").GetProperty("recordedBlocks").GetInt64(), Is.InRange(300, 6000));
            Assert.That(report.GetProperty("tracker").GetProperty("unknownFrees").GetInt64(), Is.Zero);
            Assert.That(report.GetProperty("conclusive").GetBoolean(), Is.True);
        }
    }

    [TestCase("on")]
    [TestCase("count")]
    public void Without_memory_for_records_the_application_runs_the_same_and_the_report_says_so_once(string level)
    {
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["work"]);
        (ChildResult hooked, JsonElement report) = Run("work", level, "max_tracker_memory=64k,fail_on=reachable");
        string[] warnings = [.. report.GetProperty("coverage").GetProperty("warnings").EnumerateArray().Select(static text => text.GetString()!)];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(hooked, Is.EqualTo(plain));
            Assert.That(report.GetProperty("conclusive").GetBoolean(), Is.False);
            Assert.That(warnings, Has.One.Contains("recording ended at").And.Contains("max_tracker_memory (65536 bytes)"));
            Assert.That(report.GetProperty("tracker").GetProperty("endedAt").ValueKind, Is.EqualTo(JsonValueKind.String));
            Assert.That(report.GetProperty("tracker").GetProperty("missedBlocks").GetInt64(), Is.GreaterThan(60_000));
            Assert.That(report.GetProperty("tracker").GetProperty("memoryLimitBytes").GetInt64(), Is.EqualTo(65_536));
        }
    }

    [TestCase("on")]
    [TestCase("count")]
    public void What_an_application_allocates_before_its_first_line_is_recorded(string level)
    {
        (ChildResult hooked, JsonElement report) = Run("early", level, "");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((hooked.ExitCode, hooked.Output, hooked.Error), Is.EqualTo((0, "early\n", "")));
            Assert.That(Live(report), Is.EqualTo((3, 666)), "module initializer, type initializer, Main");
        }
    }

    private (ChildResult Result, JsonElement Report) Run(string command, string level, string options)
    {
        string path = Path.Join(_folder, "report.json");
        ChildResult result = ChildProcess.Dotnet(Apps.PlainApp, [command],
            ("DOTNET_STARTUP_HOOKS", _inject.Hook), ("NATIVELEAK", level), ("NATIVELEAK_FORMAT", "json"),
            ("NATIVELEAK_LOG_PATH", path), ("NATIVELEAK_OPTIONS", options));
        Assert.That(path, Does.Exist, result.Error);
        using JsonDocument report = JsonDocument.Parse(File.ReadAllBytes(path));
        return (result, report.RootElement.Clone());
    }

    private static (long Blocks, long Bytes) Live(JsonElement report)
    {
        JsonElement live = report.GetProperty("totals").GetProperty("live");
        return (live.GetProperty("blocks").GetInt64(), live.GetProperty("bytes").GetInt64());
    }
}
