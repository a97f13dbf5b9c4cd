// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.Cli.Tests.Verbs;

/// <summary>A gate that lets accepted leaks pass, on what a real program leaks.</summary>
[TestFixture]
internal sealed class BaselineTests
{
    private string _folder = string.Empty;

    private string Accepted => Path.Join(_folder, "accepted.json");

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nl-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void WhatIsAcceptedPassesWhatIsNewOrGrownFails()
    {
        ToolResult update = RunService("leak 2 100", "--baseline", Accepted, "--update-baseline");
        Assert.That(update.ExitCode, Is.Zero, update.ToString());
        Assert.That(update.Error, Does.EndWith($"nativeleak: {Accepted} accepts 1 site(s) with 200 byte(s) in 2 block(s)\n"));
        Assert.That(File.ReadAllText(Accepted), Does.Contain("\"method\": \"Service.Leak(int, int)\""));
        string[] gate = ["--baseline", Accepted, "--fail-on", "new"], growth = ["--baseline", Accepted, "--fail-on", "growth"];
        ToolResult same = RunService("leak 2 100", growth);
        Assert.That(same.ExitCode, Is.Zero, same.ToString());
        Assert.That(same.Error, Does.Contain("\n  baseline: known\n").And.Contain($"beside the baseline {Accepted}: 0 new site(s)"));
        Assert.That(RunService("leak 3 100", gate).ExitCode, Is.Zero, "it has grown, and only what is new was asked for");
        ToolResult grown = RunService("leak 3 100", growth);
        Assert.That(grown.ExitCode, Is.EqualTo(ExitCode.Leaks), grown.ToString());
        Assert.That(grown.Error, Does.Contain("\n  baseline: grown, was 200 byte(s) in 2 block(s)\n"));
        File.WriteAllText(Accepted, File.ReadAllText(Accepted).Replace("\"fingerprint\": \"", "\"fingerprint\": \"x", StringComparison.Ordinal));
        ToolResult added = RunService("leak 2 100", gate);
        Assert.That(added.ExitCode, Is.EqualTo(ExitCode.Leaks), added.ToString());
        Assert.That(added.Error, Does.Contain("1 new site(s) with 200 byte(s) in 2 block(s), 0 grown to 0 byte(s) in 0 block(s), 0 known, 1 gone"));
    }

    // Two processes of one command leak at one site: their sum is what is accepted.
    [Test]
    public void TheProcessesOfACommandCountTogether()
    {
        string script = $"for n in 2 3; do echo leak $n 100 | dotnet exec '{Artifacts.ServiceApp}'; done";
        Assert.That(Tool.Run("run", "--baseline", Accepted, "--update-baseline", "--", "sh", "-c", script).Error, Does.Contain("with 500 byte(s) in 5 block(s)"));
        Assert.That(Tool.Run("run", "--baseline", Accepted, "--fail-on", "growth", "--", "sh", "-c", script).ExitCode, Is.Zero);
        Assert.That(Tool.Run("run", "--baseline", Accepted, "--fail-on", "growth", "--", "sh", "-c", script.Replace("2 3", "2 4", StringComparison.Ordinal)).ExitCode,
            Is.EqualTo(ExitCode.Leaks));
    }

    [Test]
    public void AReportIsConvertedWithItsBaselineAndIntoOne()
    {
        string report = Path.Join(_folder, "report.json");
        RunService("leak 2 100", "--format", "json", "-o", report);
        Assert.That(Tool.Run("report", report, "--format", "baseline", "-o", Accepted).ExitCode, Is.Zero);
        ToolResult sarif = Tool.Run("report", report, "--format", "sarif", "--baseline", Accepted);
        using JsonDocument json = JsonDocument.Parse(sarif.Output);
        Assert.That(json.RootElement.GetProperty("runs")[0].GetProperty("results")[0].GetProperty("baselineState").GetString(), Is.EqualTo("unchanged"));
    }

    // The program's own exit code, without the tool.
    [TestCase("new", 0)]
    [TestCase("definite", 23)]
    public void AProgramComparesByItself(string failOn, int expected)
    {
        RunService("leak 2 100", "--baseline", Accepted, "--update-baseline");
        string script = $"echo leak 2 100 | NATIVELEAK=on DOTNET_STARTUP_HOOKS='{Artifacts.Hook}' NATIVELEAK_FAIL_ON={failOn} "
            + $"NATIVELEAK_BASELINE='{Accepted}' dotnet exec '{Artifacts.ServiceApp}'";
        ToolResult result = Tool.RunProgram("sh", ["-c", script]);
        Assert.That(result.ExitCode, Is.EqualTo(expected), result.ToString());
        Assert.That(result.Error, Does.Contain("\n  baseline: known\n"));
    }

    [Test]
    public void AFileThatIsMissingOrNoneIsToldBeforeTheCommandRuns()
    {
        ToolResult missing = Tool.Run("run", "--baseline", Accepted, "--", "sh", "-c", "echo ran");
        Assert.That((missing.ExitCode, missing.Output), Is.EqualTo((ExitCode.ToolFailed, "")));
        Assert.That(missing.Error, Does.StartWith($"nativeleak: the baseline {Accepted} cannot be read: "));
        Assert.That(Tool.Run("run", "--baseline", "/etc/passwd", "--", "true").Error, Does.Contain("/etc/passwd is no baseline, or only a part of one: line 1, byte 1"));
        Assert.That(Tool.Run("run", "--update-baseline", "--", "true").ExitCode, Is.EqualTo(ExitCode.Usage));
        Assert.That(Tool.Run("run", "--option", "baseline=x", "--", "true").ExitCode, Is.EqualTo(ExitCode.Usage));
    }

    [Test]
    public void NothingIsAcceptedWithoutAConclusiveReport()
    {
        File.WriteAllText(Accepted, "as it was");
        ToolResult result = Tool.Run("run", "--baseline", Accepted, "--update-baseline", "--", "true");
        Assert.That((result.ExitCode, File.ReadAllText(Accepted)), Is.EqualTo((ExitCode.Inconclusive, "as it was")));
        Assert.That(result.Error, Does.Contain($"{Accepted} is left as it is: a report is missing or inconclusive"));
    }

    private ToolResult RunService(string input, params string[] arguments)
    {
        string file = Path.Join(_folder, "input");
        File.WriteAllText(file, input + "\n");
        return Tool.RunProgram("sh", ["-c", "exec dotnet exec \"$@\" < " + file, "sh", Artifacts.Tool, "run", .. arguments, "--", "dotnet", "exec", Artifacts.ServiceApp]);
    }
}
