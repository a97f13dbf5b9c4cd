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

        // The twin hands its words to the same program; where PowerShell is there, it is seen to.
        if (OperatingSystem.IsWindows() || HasPowerShell())
        {
            Assert.That(Run("pwsh", SourceTree.FullPath("build.ps1"), "help"), Is.EqualTo((0, BuildProgram.Help)));
        }
    });

    [Test]
    public void AnUnknownVerbIsAnErrorAndPrintsNothingOnStandardOutput()
        => Assert.That(Run("bash", SourceTree.FullPath("build.sh"), "nonsense"), Is.EqualTo((2, "")));

    [Test]
    public void CiRunsTheTestVerb() => Assert.Multiple(() =>
    {
        Assert.That(SourceTree.Text(".ci/run"), Does.Contain("./build.sh test"));
        Assert.That(SourceTree.Text("README.md"), Does.Contain("./build.sh test"));
    });

    private static bool HasPowerShell() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(folder => File.Exists(Path.Combine(folder, "pwsh")));

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
