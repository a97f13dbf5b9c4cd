// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Reflection;

namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>What a child process left behind.</summary>
internal sealed record ExitResult(int ExitCode, string Output, string Error)
{
    /// <summary>How many reports are on the error stream.</summary>
    public int ReportCount => Error.Split("SUMMARY: NativeLeak:").Length - 1;
}

/// <summary>Runs the program that ends in the way it is told.</summary>
internal static class ExitApp
{
    // A child that hangs must fail its test, not the run; no test is about how long anything takes.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private static readonly string s_program = Path.Combine(
        Path.GetDirectoryName(Path.GetDirectoryName(Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location)))!,
        "NativeLeak.ExitApps",
        Path.GetFileName(Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location)!),
        "NativeLeak.ExitApps.dll");

    public static ExitResult Run(string arguments, params (string Name, string Value)[] variables)
    {
        ProcessStartInfo start = new("dotnet", "\"" + s_program + "\" " + arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (string inherited in start.Environment.Keys.Where(IsOurs).ToArray())
        {
            start.Environment.Remove(inherited);
        }

        // No core dumps of the children that are meant to crash.
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail("the child hangs: " + arguments);
        }

        process.WaitForExit();
        return new ExitResult(process.ExitCode, output.Result, error.Result);
    }

    private static bool IsOurs(string name) => name.StartsWith("NATIVELEAK", StringComparison.Ordinal)
        || name.StartsWith("DOTNET_STARTUP_HOOKS", StringComparison.Ordinal);
}
