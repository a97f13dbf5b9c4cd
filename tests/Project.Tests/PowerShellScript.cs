// Licensed under the MIT License. See LICENSE in the repository root.
using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace NativeLeak.Project.Tests;

/// <summary>
/// Runs a line of PowerShell in PowerShell's own engine, which comes as a package: so build.ps1 is run on every machine, whether or not
/// pwsh is installed there.
/// </summary>
internal static class PowerShellScript
{
    /// <summary>The exit code of the last command, and what the line wrote, each object on a line of its own.</summary>
    public static (int ExitCode, string Output) Run(string line)
    {
        using Runspace space = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
        space.Open();
        using PowerShell shell = PowerShell.Create(space);
        string output = string.Concat(shell.AddScript(line).Invoke().Select(static written => written + "\n"));
        return (space.SessionStateProxy.GetVariable("LASTEXITCODE") is int exitCode ? exitCode : -1, output);
    }

    /// <summary>A text as PowerShell takes it literally.</summary>
    public static string Quote(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
}
