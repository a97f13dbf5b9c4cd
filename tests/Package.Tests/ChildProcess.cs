// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;

namespace NativeLeak.Package.Tests;

/// <summary>What a child process printed and how it ended.</summary>
internal sealed record ChildResult(int ExitCode, string Output, string Error);

/// <summary>Runs a program to its end, without the detector's variables unless they are given.</summary>
internal static class ChildProcess
{
    // Far above what any of them takes: it only turns a hang into a failure.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(8);

    public static ChildResult Run(string file, string[] arguments, params (string Name, string Value)[] variables)
    {
        ProcessStartInfo start = new(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string inherited in start.Environment.Keys.ToArray())
        {
            if (inherited.StartsWith("NATIVELEAK", StringComparison.Ordinal) || inherited == "DOTNET_STARTUP_HOOKS")
            {
                start.Environment.Remove(inherited);
            }
        }

        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
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
            Assert.Fail($"{file} {string.Join(' ', arguments)} hangs");
        }

        return new ChildResult(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }
}
