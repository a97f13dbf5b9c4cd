// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;

namespace NativeLeak.Cli.Tests;

/// <summary>What a run of the tool left.</summary>
internal sealed record ToolResult(int ExitCode, string Output, string Error)
{
    public override string ToString() => $"exit code {ExitCode}\n--- output\n{Output}\n--- error\n{Error}";
}

/// <summary>Runs programs to their ends, without the settings of whoever runs the tests.</summary>
internal static class Tool
{
    // Far above what any run takes: it only turns a hang into a failure.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    /// <summary>Runs the tool as a process.</summary>
    public static ToolResult Run(params string[] arguments) => RunProgram("dotnet", ["exec", Artifacts.Tool, .. arguments]);

    /// <summary>The same with variables.</summary>
    public static ToolResult RunWith((string Name, string Value)[] variables, params string[] arguments)
        => RunProgram("dotnet", ["exec", Artifacts.Tool, .. arguments], variables);

    /// <summary>Runs any program.</summary>
    public static ToolResult RunProgram(string file, string[] arguments, params (string Name, string Value)[] variables)
    {
        using Process process = Process.Start(Prepare(file, arguments, variables))!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{file} {string.Join(' ', arguments)} hangs");
        }

        return new ToolResult(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    /// <summary>A start with all streams redirected.</summary>
    public static ProcessStartInfo Prepare(string file, string[] arguments, params (string Name, string Value)[] variables)
    {
        ProcessStartInfo start = new(file, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (string name in start.Environment.Keys.Where(static name
            => name.StartsWith("NATIVELEAK", StringComparison.Ordinal) || name == "DOTNET_STARTUP_HOOKS").ToArray())
        {
            start.Environment.Remove(name);
        }

        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        return start;
    }
}
