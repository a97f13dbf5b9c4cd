// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.Cli.Tests.Verbs;

/// <summary>run: what the command does stays its own, what it leaks is told.</summary>
[TestFixture]
internal sealed class RunTests
{
    private static readonly string[] s_service = ["--", "dotnet", "exec", Artifacts.ServiceApp];

    private string _folder = string.Empty;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nl-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("leak 3 100\nexit 0", ExitCode.Leaks)]
    [TestCase("leak 3 100\nexit 5", 5)]
    [TestCase("work 10\nexit 0", 0)]
    [TestCase("exit 7", 7)]
    public void TheExitCodeIsTheCommandsOrTheVerdict(string input, int expected)
    {
        ToolResult result = RunService(input, "run");
        Assert.That(result.ExitCode, Is.EqualTo(expected), result.ToString());
        Assert.That(result.Output.Split('\n')[0], Does.StartWith("ready "));
        Assert.That(result.Output, Does.Not.Contain("NATIVELEAK"), "standard output is the command's");
        Assert.That(result.Error, input.StartsWith("leak", StringComparison.Ordinal)
            ? Does.Contain("SUMMARY: NativeLeak: 300 byte(s) leaked in 3 block(s)") : Is.Empty);
    }

    [TestCase("none", 0)]
    [TestCase("possible", ExitCode.Leaks)]
    [TestCase("reachable", ExitCode.Leaks)]
    public void FailOnSaysWhatFails(string failOn, int expected)
        => Assert.That(RunService("leak 3 100", "run", "--fail-on", failOn).ExitCode, Is.EqualTo(expected));

    [Test]
    public void AVerdictThatWasAskedForAndCannotBeGivenIsThree()
    {
        Assert.That(RunService("leak 3 100", "run", "--level", "count", "--fail-on", "definite").ExitCode, Is.EqualTo(ExitCode.Inconclusive));
        Assert.That(RunService("leak 3 100", "run", "--level", "count").ExitCode, Is.Zero);
        ToolResult none = Tool.Run("run", "--fail-on", "definite", "--", "true");
        Assert.That((none.ExitCode, none.Error.Split('?')[0]), Is.EqualTo((ExitCode.Inconclusive, "nativeleak: no report was made: was it a .NET program, and not killed")));
    }

    [Test]
    public void AReportGoesToAFile()
    {
        string path = Path.Join(_folder, "leaks.json");
        ToolResult result = RunService("leak 2 640", "run", "--format", "json", "-o", path, "--option", "stack_depth=1");
        Assert.That((result.ExitCode, result.Error), Is.EqualTo((ExitCode.Leaks, "")), result.ToString());
        using JsonDocument report = JsonDocument.Parse(File.ReadAllBytes(path));
        JsonElement leak = report.RootElement.GetProperty("leaks")[0];
        Assert.That(leak.GetProperty("bytes").GetInt64(), Is.EqualTo(1280));
        Assert.That(leak.GetProperty("stack").GetArrayLength(), Is.EqualTo(1), "the option reached the program");
    }

    [Test]
    public void ACommandThatStartsOthersIsJudgedAsAWhole()
    {
        string path = Path.Join(_folder, "all.json");
        string script = $"printf 'leak 2 100\\n' | dotnet exec '{Artifacts.ServiceApp}'; printf 'leak 3 100\\n' | dotnet exec '{Artifacts.ServiceApp}'; exit 0";
        ToolResult result = Tool.Run("run", "--format", "json", "-o", path, "--", "sh", "-c", script);
        Assert.That(result.ExitCode, Is.EqualTo(ExitCode.Leaks), result.ToString());
        using JsonDocument report = JsonDocument.Parse(File.ReadAllBytes(path));
        Assert.That(report.RootElement.GetProperty("totals").GetProperty("definite").GetProperty("blocks").GetInt64(), Is.EqualTo(5));
    }

    [Test]
    public void WordsOfTheCommandAreItsOwn()
    {
        ToolResult result = Tool.Run("run", "--", "sh", "-c", "printf '%s|' \"$@\"; exit 3", "sh", "a b", "--format", "@file", "-p", "--");
        Assert.That((result.ExitCode, result.Output), Is.EqualTo((3, "a b|--format|@file|-p|--|")), result.ToString());
    }

    [TestCase("no-such-command-anywhere", ExitCode.NotFound)]
    [TestCase("/etc/passwd", ExitCode.CannotStart)]
    public void ACommandThatCannotBeStartedIsToldAsShellsDo(string command, int expected)
    {
        ToolResult result = Tool.Run("run", "--", command);
        Assert.That((result.ExitCode, result.Output), Is.EqualTo((expected, "")));
        Assert.That(result.Error, Does.StartWith($"nativeleak: {command}: "));
    }

    [Test]
    public void OptionsThatTheToolSaysItselfAreRefused()
    {
        Assert.That(RunService("", "run", "--option", "log_path=x").ExitCode, Is.EqualTo(ExitCode.Usage));
        ToolResult unknown = RunService("", "run", "--option", "min_agee=1");
        Assert.That((unknown.ExitCode, unknown.Output), Is.EqualTo((ExitCode.Usage, "")));
        Assert.That(unknown.Error, Does.Contain("unknown option 'min_agee'; the nearest is 'min_age'"));
    }

    private ToolResult RunService(string input, params string[] arguments)
    {
        string file = Path.Join(_folder, "input");
        File.WriteAllText(file, input + "\n");
        return Tool.RunProgram("sh", ["-c", "exec dotnet exec \"$@\" < " + file, "sh", Artifacts.Tool, .. arguments, .. s_service]);
    }
}
