// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.Cli.Tests.Verbs;

/// <summary>report, diff, merge, monitor, env and doctor, on what real programs leave.</summary>
[TestFixture]
internal sealed class FileVerbTests
{
    private string _folder = string.Empty;
    private string _few = string.Empty, _many = string.Empty;

    [OneTimeSetUp]
    public void MakeReports()
    {
        _folder = Directory.CreateTempSubdirectory("nl-").FullName;
        _few = Leak(2, "few.json");
        _many = Leak(5, "many.json");
    }

    [OneTimeTearDown]
    public void RemoveReports() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void AReportBecomesTheTextThatTheProgramWouldHaveWritten()
    {
        ToolResult text = Tool.Run("report", _many);
        Assert.That(text.ExitCode, Is.Zero, text.ToString());
        Assert.That(text.Output, Does.Contain("Definite leak of 500 byte(s) in 5 block(s) allocated by Marshal.AllocHGlobal:\n    #0 at Service.Leak(int, int) in ")
            .And.EndsWith("SUMMARY: NativeLeak: 500 byte(s) leaked in 5 block(s) (definite 500 byte(s) in 5 block(s), indirect 0 byte(s) in 0 block(s), possible 0 byte(s) in 0 block(s)).\n"));
    }

    [Test]
    public void ConvertingToJsonChangesNothing()
        => Assert.That(Tool.Run("report", _many, "--format", "json").Output, Is.EqualTo(File.ReadAllText(_many)));

    [TestCase("new", 0)]
    [TestCase("growth", ExitCode.Leaks)]
    public void GrowthIsToldApartFromNewSites(string failOn, int expected)
    {
        ToolResult diff = Tool.Run("diff", _few, _many, "--fail-on", failOn);
        Assert.That(diff.ExitCode, Is.EqualTo(expected), diff.ToString());
        Assert.That(diff.Output.Split('\n')[1], Does.Match(@"^grown +definite +\+300 +\+3 +[0-9a-f]{16} +Service\.Leak\(int, int\) in .*Program\.cs:\d+ \(Marshal\.AllocHGlobal\)$"));
        Assert.That(Tool.Run("diff", _many, _few, "--fail-on", failOn).ExitCode, Is.Zero);
        Assert.That(Tool.Run("diff", _many, _many).Output, Is.EqualTo("no difference\n"));
    }

    [Test]
    public void ASiteThatIsOnlyInTheNewReportIsNew()
    {
        string none = Path.Join(_folder, "none.json");
        Leak(0, "none.json");
        Assert.That(Tool.Run("diff", none, _few, "--fail-on", "new").ExitCode, Is.EqualTo(ExitCode.Leaks));
        Assert.That(Tool.Run("diff", _few, none).Output, Does.Contain("\ngone "));
    }

    [Test]
    public void MergedReportsAddUp()
    {
        string all = Path.Join(_folder, "all.json");
        Assert.That(Tool.Run("merge", _few, _many, _few, "--format", "json", "-o", all).ExitCode, Is.Zero);
        using JsonDocument report = JsonDocument.Parse(File.ReadAllBytes(all));
        JsonElement leak = report.RootElement.GetProperty("leaks").EnumerateArray().Single();
        Assert.That((leak.GetProperty("blocks").GetInt64(), leak.GetProperty("bytes").GetInt64()), Is.EqualTo((9L, 900L)));
        Assert.That(report.RootElement.GetProperty("coverage").GetProperty("warnings")[0].GetString(), Does.StartWith("merged of 3 reports: ServiceApp ("));
        Assert.That(Tool.Run("report", all).Output, Does.Contain("900 byte(s) leaked in 9 block(s)"));
    }

    [Test]
    public void AFileThatIsNoReportIsNamed()
    {
        string half = Path.Join(_folder, "half.json");
        File.WriteAllText(half, File.ReadAllText(_many)[..300]);
        ToolResult result = Tool.Run("report", half);
        Assert.That((result.ExitCode, result.Output), Is.EqualTo((ExitCode.ToolFailed, "")));
        Assert.That(result.Error, Does.StartWith($"nativeleak: {half}: not a report of NativeLeak, or only a part of one: line "));
        Assert.That(Tool.Run("report", Path.Join(_folder, "missing.json")).Error, Does.Contain("missing.json cannot be read"));
    }

    [Test]
    public void MonitorShowsWhatGrows()
    {
        using Service service = Service.Watched().WithChannel();
        service.Tell("leak 10 100");
        Task<ToolResult> monitor = Task.Run(() => Tool.Run("monitor", "-p", service.Number, "--count", "3", "--refresh-interval", "1.5"));
        Thread.Sleep(700);
        for (int i = 0; !monitor.IsCompleted; i++)
        {
            service.Tell("leak 1 100");
            Thread.Sleep(100);
        }

        Assert.That(monitor.Result.ExitCode, Is.Zero, monitor.Result.ToString());
        Assert.That(monitor.Result.Output.Split("ServiceApp (").Length - 1, Is.EqualTo(3));
        Assert.That(monitor.Result.Output, Does.Match(@"\d+ +\+\d+ +\d+ +Service\.Leak\(int, int\) in .*Program\.cs:\d+"));
        Assert.That(monitor.Result.Output.Contains('\u001b'), Is.False, "no colours in a pipe");
    }

    [Test]
    public void WhatEnvPrintsForBashSwitchesTheDetectorOn()
    {
        string script = $"eval \"$(dotnet exec '{Artifacts.Tool}' env)\"; printf 'leak 2 100\\n' | dotnet exec '{Artifacts.ServiceApp}'";
        ToolResult result = Tool.RunProgram("bash", ["-c", script]);
        Assert.That(result.Error, Does.Contain("200 byte(s) leaked in 2 block(s)"), result.ToString());
    }

    [TestCase("pwsh", "$env:NATIVELEAK = 'sample'")]
    [TestCase("docker", "ENV DOTNET_STARTUP_HOOKS=/opt/nativeleak/NativeLeak.StartupHook.dll\nENV NATIVELEAK=sample\n")]
    [TestCase("k8s", "- name: NATIVELEAK\n  value: \"sample\"\n")]
    public void EnvHasAFormForEachPlace(string shell, string expected)
        => Assert.That(Tool.Run("env", "--shell", shell, "--level", "sample").Output, Does.Contain(expected));

    [Test]
    public void EnvForLaunchProfilesIsJson()
    {
        using JsonDocument json = JsonDocument.Parse("{" + Tool.Run("env", "--shell", "launchsettings").Output + "}");
        Assert.That(json.RootElement.GetProperty("environmentVariables").GetProperty("DOTNET_STARTUP_HOOKS").GetString(), Is.EqualTo(Artifacts.Hook));
    }

    [Test]
    public void DoctorNamesWhoAllocatesAndWhoSeesIt()
    {
        ToolResult own = Tool.Run("doctor", Artifacts.ServiceApp);
        Assert.That(own.ExitCode, Is.Zero, own.ToString());
        Assert.That(own.Output, Does.Match(@"ServiceApp +Marshal\.AllocHGlobal +3 place\(s\) +seen through the runtime hook")
            .And.Contain("no native library is called").And.Contain("debug information is there for every assembly"));
        // The tool's own folder: it allocates nothing itself, and packages bring no debug information there.
        ToolResult tool = Tool.Run("doctor", Artifacts.Tool);
        Assert.That(tool.Output, Does.Match(@"Spectre\.Console +kernel32\.dll +\d+ function\(s\)")
            .And.Contain("nothing in these assemblies names an API that allocates unmanaged memory")
            .And.Match(@"Debug information is missing for[^\n]*\n(  .*\n)*  System\.CommandLine\n"));
        Assert.That(Tool.Run("doctor", "/etc/passwd").Error, Does.Contain("/etc/passwd is not a managed assembly"));
    }

    private string Leak(int blocks, string name)
    {
        string path = Path.Join(_folder, name), input = Path.Join(_folder, name + ".input");
        File.WriteAllText(input, $"leak {blocks} 100\n");
        ToolResult result = Tool.RunProgram(
            "sh", ["-c", "exec dotnet exec \"$@\" < " + input, "sh", Artifacts.Tool, "run", "--format", "json", "-o", path, "--", "dotnet", "exec", Artifacts.ServiceApp]);
        Assert.That(result.ExitCode, Is.EqualTo(blocks > 0 ? ExitCode.Leaks : 0), result.ToString());
        return path;
    }
}
