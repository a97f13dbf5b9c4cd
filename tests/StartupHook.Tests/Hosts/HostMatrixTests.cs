// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.StartupHook.Tests.Hosts;

/// <summary>An application without our assemblies runs the same with the hook as without, in every kind of host.</summary>
[TestFixture]
internal sealed class HostMatrixTests
{
    private const int BlocksAtLeast = 60_000; // 3 × 4 lanes × 5,000 rounds of PlainApp: alloc, realloc, string

    private static readonly Dictionary<string, string> s_published = [];
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-hosts-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [OneTimeTearDown]
    public void RemovePublished()
    {
        foreach (string folder in s_published.Values)
        {
            Directory.Delete(folder, recursive: true);
        }

        s_published.Clear();
    }

    [TestCase("DOTNET_gcServer", "0", "Exports")]
    [TestCase("DOTNET_gcServer", "0", "GlobalOffsetTable")]
    [TestCase("DOTNET_gcServer", "1", "Exports")]
    [TestCase("DOTNET_TieredCompilation", "0", "Exports")]
    [TestCase("DOTNET_EnableWriteXorExecute", "0", "Exports")]
    [TestCase("DOTNET_EnableDiagnostics", "0", "Exports")]
    [TestCase("DOTNET_ReadyToRun", "0", "Exports")]
    [TestCase("DOTNET_TieredPGO", "0", "Exports")]
    public void A_framework_dependent_application_runs_the_same(string variable, string value, string tier)
        => RunsTheSame("dotnet", ["exec", Apps.PlainApp], tier, (variable, value));

    [TestCase("--self-contained", "true", "false", "Exports", "seven functions of libSystem.Native.so")]
    [TestCase("--self-contained", "true", "false", "GlobalOffsetTable", "5 import slots of libSystem.Native.so")]
    [TestCase("--self-contained", "true", "true", "Exports", "seven functions of the executable")]
    [TestCase("--self-contained", "true", "true", "GlobalOffsetTable", "5 import slots of the executable")]
    [TestCase("--self-contained", "false", "true", "Exports", "seven functions of libSystem.Native.so")]
    public void A_published_application_runs_the_same(
        string option, string selfContained, string singleFile, string tier, string detail)
    {
        string folder = Publish(option, selfContained, singleFile);
        Dictionary<string, string> seen = RunsTheSame(Path.Join(folder, "PlainApp"), [], tier);
        Assert.That(seen["detail"], Does.StartWith(detail));
    }

    [Test]
    public void An_unhandled_exception_of_the_application_ends_it_the_same()
    {
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["throw"]);
        ChildResult hooked = ChildProcess.Dotnet(Apps.PlainApp, ["throw"],
            ("DOTNET_STARTUP_HOOKS", Apps.ProbeHook), ("PROBE_OUT", Path.Join(_folder, "seen")));
        Assert.That(hooked, Is.EqualTo(plain));
    }

    [Test]
    public void The_dotnet_command_itself_builds_a_project_the_same_with_the_hook_live_in_it()
    {
        string seen = Path.Join(_folder, "seen");
        ChildResult plain = Build();
        ChildResult hooked = Build(("DOTNET_STARTUP_HOOKS", Apps.ProbeHook), ("PROBE_OUT", seen));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(plain.ExitCode, Is.Zero, plain.Output);
            Assert.That(hooked, Is.EqualTo(plain));
            Assert.That(File.ReadAllText(seen), Does.StartWith("tier=Exports\n"));
        }
    }

    [Test]
    public void The_dotnet_command_builds_a_project_the_same_under_the_detector_which_leaves_it_alone()
    {
        using InjectFolder inject = InjectFolder.Create();
        string report = Path.Join(_folder, "report-{pid}");
        ChildResult plain = Build();
        ChildResult hooked = Build(
            ("DOTNET_STARTUP_HOOKS", inject.Hook), ("NATIVELEAK", "on"), ("NATIVELEAK_VERBOSITY", "1"), ("NATIVELEAK_LOG_PATH", report));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(plain.ExitCode, Is.Zero, plain.Output);
            Assert.That(hooked, Is.EqualTo(plain));
            Assert.That(Directory.GetFiles(_folder), Is.Empty);
        }
    }

    [TestCase("--self-contained", "true", "false")]
    [TestCase("--self-contained", "true", "true")]
    [TestCase("--self-contained", "false", "true")]
    public void A_published_application_is_reported(string option, string selfContained, string singleFile)
    {
        using InjectFolder inject = InjectFolder.Create();
        string application = Path.Join(Publish(option, selfContained, singleFile), "PlainApp");
        string report = Path.Join(_folder, "report");
        ChildResult plain = ChildProcess.Run(application, ["work"]);
        ChildResult hooked = ChildProcess.Run(application, ["work"],
            ("DOTNET_STARTUP_HOOKS", inject.Hook), ("NATIVELEAK", "on"), ("NATIVELEAK_LOG_PATH", report));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(hooked, Is.EqualTo(plain));
            Assert.That(File.ReadAllText(report), Does.Contain("runtime hook (exports)"));
        }
    }

    private Dictionary<string, string> RunsTheSame(
        string file, string[] arguments, string tier, params (string Name, string? Value)[] variables)
    {
        string output = Path.Join(_folder, "seen");
        ChildResult plain = ChildProcess.Run(file, arguments, variables);
        ChildResult hooked = ChildProcess.Run(file, arguments,
            [.. variables, ("DOTNET_STARTUP_HOOKS", Apps.ProbeHook), ("PROBE_OUT", output), ("PROBE_TIER", tier)]);
        Dictionary<string, string> seen = File.ReadLines(output).Select(line => line.Split('=', 2))
            .ToDictionary(parts => parts[0], parts => parts[1]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(plain.ExitCode, Is.EqualTo(5), plain.Output + plain.Error);
            Assert.That(hooked, Is.EqualTo(plain));
            Assert.That(seen["tier"], Is.EqualTo(tier), seen["detail"]);
            Assert.That(long.Parse(seen["allocated"]), Is.GreaterThanOrEqualTo(BlocksAtLeast));
            Assert.That(seen["live"], Is.EqualTo("2"), "exactly the two blocks it loses");
            Assert.That(seen["failures"], Is.EqualTo("0"));
        }

        return seen;
    }

    private ChildResult Build(params (string Name, string? Value)[] variables)
    {
        string project = Path.Join(_folder, "project");
        Directory.CreateDirectory(project);
        File.WriteAllText(Path.Join(project, "Small.csproj"), """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
            </Project>
            """);
        File.WriteAllText(Path.Join(project, "Small.cs"), "#warning built\npublic class Small;\n");
        ChildResult result = ChildProcess.Run(
            "dotnet", ["build", project, "-v:q", "-nologo", "-clp:NoSummary", "-nr:false", "-p:UseSharedCompilation=false"], variables);
        Directory.Delete(project, recursive: true);
        string[] lines = [.. result.Lines.Where(line => !line.Contains("Time Elapsed", StringComparison.Ordinal))];
        return result with { Output = string.Join('\n', lines) };
    }

    // Publishing needs the runtime pack; without it (no package source) there is nothing to test.
    private static string Publish(string option, string selfContained, string singleFile)
    {
        string key = selfContained + singleFile;
        if (!s_published.TryGetValue(key, out string? folder))
        {
            folder = Directory.CreateTempSubdirectory("nativeleak-publish-").FullName;
            s_published[key] = folder;
            ChildResult result = ChildProcess.Run("dotnet",
            [
                "publish", Path.Join(Apps.Sources, "PlainApp"), "-c", "Release", "-r", "linux-x64", option, selfContained,
                $"-p:PublishSingleFile={singleFile}", $"-p:ArtifactsPath={folder}/artifacts", "-o", folder, "-v:q", "-nologo",
                "-nr:false", "-p:UseSharedCompilation=false",
            ]);
            if (result.ExitCode != 0)
            {
                s_published.Remove(key);
                Directory.Delete(folder, recursive: true);
                Assume.That(result.Output, Does.Not.Contain("NU1101").And.Not.Contain("NU1301"), "the runtime pack is not available here");
                Assert.Fail(result.Output);
            }
        }

        return folder;
    }
}
