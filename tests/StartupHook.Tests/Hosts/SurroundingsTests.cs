// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.StartupHook.Tests.Hosts;

/// <summary>Where programs run: under load in a web server, under a test host, in containers with fewer rights, in folders with
/// odd names. Each row of README's table has its test here or in HostMatrixTests.</summary>
[TestFixture]
internal sealed class SurroundingsTests
{
    private const long LostByLoad = 160; // WebService: 16 connections, each fiftieth of 500 requests

    private InjectFolder _inject = null!;
    private string _folder = "";

    private string Report => Path.Join(_folder, "report.json");

    [OneTimeSetUp]
    public void Inject() => _inject = InjectFolder.Create();

    [OneTimeTearDown]
    public void RemoveInject() => _inject.Dispose();

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-surroundings-").FullName;

    // Not by Directory.Delete, which cannot name every file.
    [TearDown]
    public void RemoveFolder() => Assert.That(ChildProcess.Run("rm", ["-r", _folder]).ExitCode, Is.Zero);

    [TestCase("0", "auto")]
    [TestCase("1", "auto")]
    [TestCase("0", "concurrent")]
    public void A_web_server_under_load_answers_the_same_and_every_lost_block_is_named(string serverGc, string scan)
    {
        ChildResult result = ChildProcess.Dotnet(Apps.HostedApp, ["web"], Variables(("DOTNET_gcServer", serverGc),
            ("NATIVELEAK_OPTIONS", $"scan={scan},first_scan=200ms,scan_interval=200ms,min_age=100ms")));
        JsonElement report = ReportReader.Read(Report);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new ChildResult(0, "wrong=0\n", "")));
            Assert.That(report.IsConclusive(), Is.True);
            // A stale word may hide one; the others are there.
            Assert.That(report.LostBy("HostedApp.Leaks.Lose(int)"), Is.InRange(LostByLoad - 8, LostByLoad));
            Assert.That(report.LostBy("HostedApp.Leaks.Use(int)"), Is.Zero);
        }
    }

    [Test]
    public void A_container_without_ptrace_gets_its_report()
    {
        (ChildResult plain, ChildResult hooked) = RunRestricted("no-ptrace");
        Assert.That(hooked, Is.EqualTo(plain));
        JsonElement report = ReportReader.Read(Report);
        Assert.That((report.IsConclusive(), report.Blocks("live")), Is.EqualTo((true, 2L)));
    }

    [Test]
    public void Where_nothing_can_be_written_the_program_runs_the_same_and_one_line_says_so()
    {
        (ChildResult plain, ChildResult hooked) = RunRestricted("read-only");
        string[] added = [.. hooked.Error.Split('\n').Except(plain.Error.Split('\n'))];
        using (Assert.EnterMultipleScope())
        {
            Assert.That((hooked.ExitCode, hooked.Output), Is.EqualTo((plain.ExitCode, plain.Output)));
            Assert.That(added, Has.Length.EqualTo(1).And.One.Contains("the report cannot be written to"));
            Assert.That(Report, Does.Not.Exist);
        }
    }

    [Test]
    public void Where_nothing_can_be_written_stderr_still_gets_the_report()
    {
        ChildResult result = ChildProcess.Dotnet(Apps.RestrictedRun, ["read-only", "dotnet", "exec", Apps.PlainApp, "work"],
            Variables(("NATIVELEAK_EXCLUDE_PROCESSES", "RestrictedRun"), ("NATIVELEAK_LOG_PATH", "stderr"), ("NATIVELEAK_FORMAT", "text")));
        Assert.That(result.ExitCode, Is.EqualTo(5));
        Assert.That(result.Error, Does.Contain("SUMMARY: NativeLeak:"));
    }

    [TestCase("HOME")]
    [TestCase("TMPDIR")]
    [TestCase("PATH")]
    public void Without_a_variable_that_everybody_has_the_program_runs_the_same(string variable)
    {
        string dotnet = Environment.ProcessPath is { } own && Path.GetFileName(own) == "dotnet" ? own : "dotnet";
        string[] command = ["-u", variable, Which(dotnet), "exec", Apps.PlainApp, "early"];
        ChildResult plain = ChildProcess.Run("env", command);
        ChildResult hooked = ChildProcess.Run("env", command, Variables());
        Assert.That(hooked, Is.EqualTo(plain));
        Assert.That(ReportReader.Read(Report).IsConclusive(), Is.True);
    }

    // A name that is no UTF-8, as old archives leave it.
    [Test]
    public void In_a_folder_whose_name_is_no_text_the_program_runs_the_same()
    {
        string script = $"cd '{_folder}' && mkdir $'caf\\xe9' && cd $'caf\\xe9' && exec dotnet exec '{Apps.PlainApp}' work";
        ChildResult plain = ChildProcess.Run("bash", ["-c", script]);
        RemoveFolder();
        Directory.CreateDirectory(_folder);
        ChildResult hooked = ChildProcess.Run("bash", ["-c", script], Variables());
        Assert.That(hooked, Is.EqualTo(plain));
        Assert.That(ReportReader.Read(Report).Blocks("live"), Is.EqualTo(2));
    }

    [Test]
    public void A_log_path_that_is_no_text_is_one_line_and_the_program_runs_the_same()
    {
        string script = $"export NATIVELEAK_LOG_PATH=$'{_folder}/caf\\xe9/r'; exec dotnet exec '{Apps.PlainApp}' work";
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["work"]);
        ChildResult hooked = ChildProcess.Run("bash", ["-c", script], Variables());
        Assert.That((hooked.ExitCode, hooked.Output), Is.EqualTo((plain.ExitCode, plain.Output)));
        Assert.That(hooked.Error.Split('\n').Except(plain.Error.Split('\n')), Has.One.Contains("the report cannot be written to"));
    }

    // Without the time to report the test host is killed 100 ms after its last test.
    [TestCase("testhost", true)]
    [TestCase("test*", true)]
    [TestCase("", false)]
    public void A_test_host_is_watched_when_it_is_named(string processes, bool isWatched)
    {
        // Not in our own folder, whose global.json chooses another platform for tests.
        ChildResult result = ChildProcess.Run(
            "bash", ["-c", $"cd '{_folder}' && exec dotnet test '{Apps.TestedApp}'"], Variables(("NATIVELEAK_PROCESSES", processes), ("VSTEST_TESTHOST_SHUTDOWN_TIMEOUT", "20000")));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.Zero, result.Output + result.Error);
            Assert.That(result.Output, Does.Match("Passed: +1,"));
            Assert.That(File.Exists(Report), Is.EqualTo(isWatched), result.Output + result.Error);
            if (isWatched)
            {
                Assert.That(ReportReader.Read(Report).LostBy("TestedApp.LosingTests.Passes_and_loses_blocks()"), Is.InRange(8, 16), File.ReadAllText(Report));
            }
        }
    }

    // The variables may stay set in a shell that builds: compiler servers, task hosts and the command itself are left alone.
    [Test]
    public void A_solution_of_many_projects_is_built_the_same_and_nothing_is_watched()
    {
        string solution = Path.Join(_folder, "many");
        Directory.CreateDirectory(solution);
        WriteSolution(solution, projects: 8);
        (string, string?)[] variables = Variables(("NATIVELEAK_LOG_PATH", Path.Join(_folder, "{app}-{pid}")), ("NATIVELEAK_VERBOSITY", "1"));
        ChildResult built = ChildProcess.Run("dotnet",
            ["build", Path.Join(solution, "Many.slnx"), "-v:q", "-nologo", "-nr:false", "-p:UseSharedCompilation=false"], variables);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(built.ExitCode, Is.Zero, built.Output + built.Error);
            Assert.That(built.Error, Is.Empty);
            Assert.That(Directory.GetFiles(solution, "Project*.dll", SearchOption.AllDirectories), Has.Length.GreaterThanOrEqualTo(8));
            Assert.That(Directory.GetFiles(_folder), Is.Empty, "no report of anybody");
        }
    }

    // Each needs another, in three layers, so that several are built at once.
    private static string Reference(int project) => project == 0
        ? string.Empty
        : $"<ProjectReference Include=\"../Project{(project - 1) / 2}/Project{(project - 1) / 2}.csproj\" />";

    private static void WriteSolution(string folder, int projects)
    {
        string rows = "";
        for (int i = 0; i < projects; i++)
        {
            string project = Path.Join(folder, $"Project{i}");
            Directory.CreateDirectory(project);
            File.WriteAllText(Path.Join(project, $"Project{i}.csproj"), $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
                  <ItemGroup>{Reference(i)}</ItemGroup>
                </Project>
                """);
            File.WriteAllText(Path.Join(project, "Code.cs"), $"namespace Project{i};\npublic class Code;\n");
            rows += $"<Project Path=\"Project{i}/Project{i}.csproj\" />";
        }

        File.WriteAllText(Path.Join(folder, "Many.slnx"), $"<Solution>{rows}</Solution>");
    }

    private (ChildResult Plain, ChildResult Hooked) RunRestricted(string what)
    {
        string[] command = [what, "dotnet", "exec", Apps.PlainApp, "work"];
        return (ChildProcess.Dotnet(Apps.RestrictedRun, command),
            ChildProcess.Dotnet(Apps.RestrictedRun, command, Variables(("NATIVELEAK_EXCLUDE_PROCESSES", "RestrictedRun"))));
    }

    private static string Which(string name) => Path.IsPathRooted(name)
        ? name
        : ChildProcess.Run("bash", ["-c", "command -v " + name]).Output.Trim();

    private (string, string?)[] Variables(params (string, string?)[] more) =>
    [
        ("DOTNET_STARTUP_HOOKS", _inject.Hook), ("NATIVELEAK", "on"), ("NATIVELEAK_FORMAT", "json"),
        ("NATIVELEAK_LOG_PATH", Report), .. more,
    ];
}
