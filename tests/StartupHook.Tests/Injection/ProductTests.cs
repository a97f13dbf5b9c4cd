// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.StartupHook.Tests.Injection;

/// <summary>The whole detector, injected: the application runs as ever, and the report is there.</summary>
[TestFixture]
internal sealed class ProductTests
{
    private InjectFolder _inject = null!;
    private string _folder = "";

    private string Report => Path.Join(_folder, "report.json");

    [OneTimeSetUp]
    public void Inject() => _inject = InjectFolder.Create();

    [OneTimeTearDown]
    public void RemoveInject() => _inject.Dispose();

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-product-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void An_application_that_knows_nothing_of_us_is_reported_and_runs_the_same()
    {
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["work"]);
        ChildResult hooked = ChildProcess.Dotnet(Apps.PlainApp, ["work"], Variables());
        using JsonDocument report = ReadReport();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(hooked, Is.EqualTo(plain));
            Assert.That(Text(report, "coverage", "tier"), Is.EqualTo("runtime hook (exports)"));
            Assert.That(Text(report, "process", "name"), Is.EqualTo("PlainApp"));
            Assert.That(LiveBlocks(report), Is.EqualTo(2), "exactly the two blocks it loses");
        }
    }

    [TestCase("off")]
    [TestCase("0")]
    [TestCase("")]
    public void Switched_off_there_is_no_report(string level)
    {
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["work"]);
        ChildResult hooked = ChildProcess.Dotnet(Apps.PlainApp, ["work"], Variables(("NATIVELEAK", level)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(hooked, Is.EqualTo(plain));
            Assert.That(Report, Does.Not.Exist);
        }
    }

    [TestCase("NATIVELEAK_PROCESSES", "PlainApp", true)]
    [TestCase("NATIVELEAK_PROCESSES", "Other;Plain*", true)]
    [TestCase("NATIVELEAK_PROCESSES", "Other", false)]
    [TestCase("NATIVELEAK_EXCLUDE_PROCESSES", "PlainApp", false)]
    [TestCase("NATIVELEAK_EXCLUDE_PROCESSES", "Other", true)]
    [TestCase("NATIVELEAK_OPTIONS", "processes=Other,Third", false)]
    [TestCase("NATIVELEAK_OPTIONS", "processes=Other,PlainApp", true)]
    public void Only_the_processes_that_are_asked_for_are_watched(string variable, string value, bool watched)
    {
        ChildResult result = ChildProcess.Dotnet(Apps.PlainApp, ["work"], Variables((variable, value)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(5), result.Error);
            Assert.That(File.Exists(Report), Is.EqualTo(watched));
        }
    }

    [Test]
    public void Named_by_variable_and_by_property_and_from_two_folders_it_runs_once()
    {
        using InjectFolder second = InjectFolder.Create();
        string configuration = Path.Join(_folder, "runtimeconfig.json");
        File.WriteAllText(configuration, $$"""
            { "runtimeOptions": { "tfm": "net10.0", "framework": { "name": "Microsoft.NETCore.App", "version": "10.0.0" },
              "configProperties": { "STARTUP_HOOKS": "{{second.Hook}}" } } }
            """);
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["work"]);
        ChildResult hooked = ChildProcess.Run(
            "dotnet", ["exec", "--runtimeconfig", configuration, Apps.PlainApp, "work"], Variables());
        using JsonDocument report = ReadReport();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(hooked, Is.EqualTo(plain));
            Assert.That(LiveBlocks(report), Is.EqualTo(2));
        }
    }

    [Test]
    public void An_application_with_the_same_build_shares_it_with_us()
    {
        ChildResult result = ChildProcess.Dotnet(Apps.CarryingApp, [], Variables());
        using JsonDocument report = ReadReport();
        string[] heaps = [.. result.Lines.Where(line => line.StartsWith("loaded=NativeLeak.NativeHeap ", StringComparison.Ordinal))];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.Zero, result.Error);
            Assert.That(heaps, Has.Length.EqualTo(1), "one recorder");
            Assert.That(heaps[0], Does.EndWith(" Default application"));
            Assert.That(result.Lines, Has.One.Match("^loaded=NativeLeak.Scanner .* Default elsewhere$"));
            Assert.That(LiveBlocks(report), Is.EqualTo(2), "one of TrackedMemory, one of NativeMemory, none twice");
        }
    }

    [Test]
    public void An_application_with_another_build_keeps_its_own()
    {
        string other = BuildOtherVersion();
        ChildResult result = ChildProcess.Dotnet(other, [], Variables());
        using JsonDocument report = ReadReport();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.Zero, result.Error);
            Assert.That(result.Lines, Has.One.EqualTo("loaded=NativeLeak.NativeHeap 0.0.9.0 Default application"));
            Assert.That(result.Lines, Has.One.Match("^loaded=NativeLeak.NativeHeap .* NativeLeak elsewhere$"));
            Assert.That(LiveBlocks(report), Is.EqualTo(2));
        }
    }

    [Test]
    public void Without_the_helpers_of_Mono_Posix_the_application_runs_the_same()
    {
        using InjectFolder poor = InjectFolder.Create();
        File.Delete(Path.Join(poor.Path, "libMonoPosixHelper.so"));
        File.Delete(Path.Join(poor.Path, "Mono.Posix.NETStandard.dll"));
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["work"]);
        ChildResult hooked = ChildProcess.Dotnet(Apps.PlainApp, ["work"], Variables(("DOTNET_STARTUP_HOOKS", poor.Hook)));
        Assert.That(hooked, Is.EqualTo(plain));
    }

    [TestCase("NativeLeak.Interop.dll")]
    [TestCase("NativeLeak.NativeHeap.dll")]
    [TestCase("NativeLeak.Scanner.dll")]
    public void With_a_part_missing_the_application_runs_the_same(string part)
    {
        using InjectFolder poor = InjectFolder.Create();
        File.Delete(Path.Join(poor.Path, part));
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["work"]);
        ChildResult hooked = ChildProcess.Dotnet(Apps.PlainApp, ["work"], Variables(("DOTNET_STARTUP_HOOKS", poor.Hook)));
        Assert.That(hooked, Is.EqualTo(plain));
    }

    [TestCase("1", 1)]
    [TestCase("0", 0)]
    public void Children_are_watched_too_unless_nothing_is_inherited(string inherit, int childReports)
    {
        ChildResult result = ChildProcess.Dotnet(
            Apps.PlainApp, ["child", "dotnet", "exec", Apps.PlainApp, "work"],
            Variables(("NATIVELEAK_LOG_PATH", Path.Join(_folder, "{app}-{pid}.json")), ("NATIVELEAK_INHERIT", inherit)));
        int found = 0;
        foreach (string file in Directory.GetFiles(_folder, "*.json"))
        {
            using JsonDocument report = JsonDocument.Parse(File.ReadAllBytes(file));
            found += LiveBlocks(report) == 2 ? 1 : 0; // what the child loses; the parent loses nothing
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(5), result.Error);
            Assert.That(found, Is.EqualTo(childReports));
        }
    }

    private (string, string?)[] Variables(params (string, string?)[] more) =>
    [
        ("DOTNET_STARTUP_HOOKS", _inject.Hook), ("NATIVELEAK", "on"), ("NATIVELEAK_FORMAT", "json"),
        ("NATIVELEAK_LOG_PATH", Report), .. more,
    ];

    private JsonDocument ReadReport()
    {
        Assert.That(Report, Does.Exist);
        return JsonDocument.Parse(File.ReadAllBytes(Report));
    }

    private static string? Text(JsonDocument report, string part, string name)
        => report.RootElement.GetProperty(part).GetProperty(name).GetString();

    private static int LiveBlocks(JsonDocument report)
        => report.RootElement.GetProperty("totals").GetProperty("live").GetProperty("blocks").GetInt32();

    private string BuildOtherVersion()
    {
        ChildResult result = ChildProcess.Run("dotnet",
        [
            "build", Path.Join(Apps.Sources, "CarryingApp"), "-c", "Release", "-p:Version=0.0.9",
            $"-p:ArtifactsPath={_folder}/artifacts", "-v:q", "-nologo", "-nr:false", "-p:UseSharedCompilation=false",
        ]);
        Assert.That(result.ExitCode, Is.Zero, result.Output);
        return Path.Join(_folder, "artifacts", "bin", "CarryingApp", "release", "CarryingApp.dll");
    }
}
