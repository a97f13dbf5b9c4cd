// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using NativeLeak.Build;

namespace NativeLeak.Benchmarks.Tests;

/// <summary>Runs a program of benchmarks, mostly benchmarks/Churn, as a child process.</summary>
internal static class WorkloadProcess
{
    private const string Program = "NativeLeak.Benchmarks.Churn";

    private const string ScanProgram = "NativeLeak.Benchmarks.Scan";

    /// <summary>Runs a workload that must succeed; its one RESULT line.</summary>
    public static ResultLine Measure(params string[] words) => Measure(Program, words);

    /// <summary>The same of benchmarks/Scan.</summary>
    public static ResultLine MeasureScan(params string[] words) => Measure(ScanProgram, words);

    private static ResultLine Measure(string program, string[] words)
    {
        (int exitCode, string output, string error) = RunProgram(program, new Dictionary<string, string>(), words);
        Assert.That(exitCode, Is.Zero, output + error);
        ResultLine[] lines = [.. output.Split('\n').Select(line => ResultLine.TryParse(1, line)).OfType<ResultLine>()];
        Assert.That(lines, Has.Length.EqualTo(1), output);
        return lines[0];
    }

    /// <summary>Runs a workload with variables of its own, and none of NativeLeak's besides.</summary>
    public static (int ExitCode, string Output, string Error) Run(IReadOnlyDictionary<string, string> variables, params string[] words)
        => RunProgram(Program, variables, words);

    /// <summary>As the other, of another program.</summary>
    public static (int ExitCode, string Output, string Error) RunProgram(
        string program, IReadOnlyDictionary<string, string> variables, params string[] words)
    {
        ProcessStartInfo start = new(Tool.DotnetPath(), [Repository.ProgramOf(program), .. words])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string name in start.Environment.Keys
            .Where(name => name.StartsWith("NATIVELEAK", StringComparison.Ordinal) || name == "DOTNET_STARTUP_HOOKS").ToArray())
        {
            start.Environment.Remove(name);
        }

        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
