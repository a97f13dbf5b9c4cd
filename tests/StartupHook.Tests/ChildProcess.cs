// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;

namespace NativeLeak.StartupHook.Tests;

/// <summary>What a child process printed and how it ended.</summary>
internal sealed record ChildResult(int ExitCode, string Output, string Error)
{
    /// <summary>The text behind <c>name=</c> on the line that starts so.</summary>
    public string Value(string name) => Lines.FirstOrDefault(line => line.StartsWith(name + "=", StringComparison.Ordinal))
        is { } found ? found[(name.Length + 1)..] : $"(no line '{name}=' in: {Output}{Error})";

    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Runs a program to its end, in a clean environment of ours.</summary>
internal static class ChildProcess
{
    // Far above what any of them takes: it only turns a hang into a failure.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    public static ChildResult Dotnet(string assembly, string[] arguments, params (string Name, string? Value)[] variables)
        => Run("dotnet", ["exec", assembly, .. arguments], variables);

    public static ChildResult Run(string file, string[] arguments, params (string Name, string? Value)[] variables)
    {
        using Process process = Process.Start(Prepare(file, arguments, variables))!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{file} {string.Join(' ', arguments)} hangs");
        }

        return new ChildResult(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    /// <summary>How to start a program in a clean environment of ours.</summary>
    public static ProcessStartInfo Prepare(string file, string[] arguments, (string Name, string? Value)[] variables)
    {
        ProcessStartInfo start = new(file, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (string inherited in start.Environment.Keys.ToArray())
        {
            if (inherited.StartsWith("NATIVELEAK", StringComparison.Ordinal) || inherited.StartsWith("PROBE_", StringComparison.Ordinal)
                || inherited is "DOTNET_STARTUP_HOOKS")
            {
                start.Environment.Remove(inherited);
            }
        }

        foreach ((string name, string? value) in variables)
        {
            start.Environment[name] = value;
        }

        return start;
    }
}
