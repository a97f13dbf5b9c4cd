// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using NativeLeak.Build;

namespace NativeLeak.Project.Tests;

/// <summary>build.sh and build.ps1 are twins, and thin.</summary>
[TestFixture]
internal sealed class ScriptTests
{
    private const int MaximumLineCount = 40;

    private static readonly string[] s_scripts = ["build.sh", "build.ps1"];
    private static readonly string s_twin = PowerShellScript.Quote(SourceTree.FullPath("build.ps1"));
    private static readonly string[] s_echo =
        ["run", "--", "sh", "-c", "printf '%s|%s|%s\\n' \"$@\"; exit 3", "sh", "a b", "--c", "-d:e"];

    [TestCaseSource(nameof(s_scripts))]
    public void AScriptIsThin(string script)
        => Assert.That(SourceTree.Lines(script), Has.Length.LessThanOrEqualTo(MaximumLineCount));

    [TestCaseSource(nameof(s_scripts))]
    public void AScriptNamesNoVerbButHandsAllOver(string script)
    {
        string code = string.Join('\n', SourceTree.Lines(script).Where(line => !line.TrimStart().StartsWith('#')));
        Assert.That(code, Does.Contain(script == "build.sh" ? "\"$program\" \"$@\"" : "$program @args"));
    }

    [Test]
    public void BothScriptsSayTheSameWhenTheSdkIsMissing()
    {
        string[] messages = [.. s_scripts.Select(script => SourceTree.Text(script)).Select(text =>
        {
            int start = text.IndexOf("build: ", StringComparison.Ordinal);
            return text[start..text.IndexOf('"', start)];
        })];
        Assert.That(messages[0], Is.EqualTo(messages[1]).And.Contains("global.json"));
    }

    [Test]
    public void TheHelpIsTheSameWhicheverScriptPrintsIt() => Assert.Multiple(() =>
    {
        Assert.That(Run("bash", SourceTree.FullPath("build.sh"), "help"), Is.EqualTo((0, BuildProgram.Help)));
        Assert.That(PowerShellScript.Run($"& {s_twin} help"), Is.EqualTo((0, BuildProgram.Help)));
    });

    [Test]
    public void AnUnknownVerbIsAnErrorAndPrintsNothingOnStandardOutput() => Assert.Multiple(() =>
    {
        Assert.That(Run("bash", SourceTree.FullPath("build.sh"), "nonsense"), Is.EqualTo((2, "")));
        Assert.That(PowerShellScript.Run($"& {s_twin} nonsense"), Is.EqualTo((2, "")));
    });

    // PowerShell drops a bare -- in front of a script's words; what stands behind it must come through all the same.
    [Test]
    public void WordsReachTheBuildProgramAsTheyAre() => Assert.Multiple(() =>
    {
        Assert.That(PowerShellScript.Run($"& {s_twin} clean --oops"), Is.EqualTo((2, "")));
        Assert.That(Run("bash", [SourceTree.FullPath("build.sh"), .. s_echo]), Is.EqualTo((3, "a b|--c|-d:e\n")));
        Assert.That(PowerShellScript.Run($"& {s_twin} {string.Join(' ', s_echo.Select(word => word == "--" ? word
            : PowerShellScript.Quote(word)))}"), Is.EqualTo((3, "a b|--c|-d:e\n")));
    });

    [Test]
    public void TheTwinLeavesTheShellInTheFolderItWasIn()
    {
        string folder = Path.GetTempPath().TrimEnd('/');
        string line = $"$ExecutionContext.SessionState.Path.SetLocation({PowerShellScript.Quote(folder)}) > $null; "
            + $"$null = & {s_twin} help; $ExecutionContext.SessionState.Path.CurrentLocation.Path";
        Assert.That(PowerShellScript.Run(line), Is.EqualTo((0, folder + "\n")));
    }

    [Test]
    public void CiRunsTheTestVerb() => Assert.Multiple(() =>
    {
        Assert.That(SourceTree.Text(".ci/run"), Does.Contain("./build.sh test"));
        Assert.That(SourceTree.Text("README.md"), Does.Contain("./build.sh test"));
    });

    private static (int ExitCode, string Output) Run(string command, params string[] arguments)
    {
        ProcessStartInfo start = new(command, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        _ = error.Result;
        return (process.ExitCode, output);
    }
}
