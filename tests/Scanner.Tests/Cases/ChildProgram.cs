// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: starts a program with or without the detector and collects all it leaves.
// Who calls it: every test here.
// The one idea: the environment of the test run never reaches the child, so a developer's own NATIVELEAK settings cannot
// change a verdict.
using System.Diagnostics;
using System.Text.Json;

namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>One run of a program.</summary>
internal sealed class ChildProgram : IDisposable
{
    /// <summary>A child that takes longer is taken for hung.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("nativeleak-test-");
    private readonly ProcessStartInfo _start;

    /// <summary>Prepares <c>dotnet program arguments</c>, without the detector.</summary>
    public ChildProgram(string program, params string[] arguments)
    {
        _start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _start.ArgumentList.Add(program);
        foreach (string argument in arguments)
        {
            _start.ArgumentList.Add(argument);
        }

        foreach (string name in _start.Environment.Keys.Where(IsOurs).ToArray())
        {
            _start.Environment.Remove(name);
        }

        // The collector's first budget follows the processor's cache, which some machines do not tell: a collection amid the
        // planting of a case leaves notes of its own. 64 MiB: none but those a case asks for.
        With("DOTNET_GCgen0size", "4000000");
    }

    /// <summary>Where the report is written.</summary>
    public string ReportPath => Path.Combine(_folder.FullName, "report.json");

    /// <summary>Sets an environment variable.</summary>
    public ChildProgram With(string name, string value)
    {
        _start.Environment[name] = value;
        return this;
    }

    /// <summary>Switches the detector on, with a JSON report to a file.</summary>
    public ChildProgram UnderDetector(string options = "")
    {
        if (options.Length > 0)
        {
            With("NATIVELEAK_OPTIONS", options);
        }

        return With("DOTNET_STARTUP_HOOKS", Artifacts.StartupHook).With("NATIVELEAK", "on")
            .With("NATIVELEAK_FORMAT", "json").With("NATIVELEAK_LOG_PATH", ReportPath);
    }

    /// <summary>Runs it to its end. Sends <paramref name="signal"/> (unless 0) once it has printed its first line.</summary>
    public ChildResult Run(int signal = 0)
    {
        using Process process = Process.Start(_start)!;
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string> output = ReadOutputAsync(process, signal);
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            return new ChildResult(null, output.Result, error.Result, null);
        }

        return new ChildResult(process.ExitCode, output.Result, error.Result, ReadReport());
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static async Task<string> ReadOutputAsync(Process process, int signal)
    {
        if (signal == 0)
        {
            return await process.StandardOutput.ReadToEndAsync();
        }

        string? first = await process.StandardOutput.ReadLineAsync();
        using Process kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]);
        await kill.WaitForExitAsync();
        return first + "\n" + await process.StandardOutput.ReadToEndAsync();
    }

    private JsonElement? ReadReport()
    {
        if (!File.Exists(ReportPath))
        {
            return null;
        }

        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(ReportPath));
        return document.RootElement.Clone();
    }

    private static bool IsOurs(string name) => name.StartsWith("NATIVELEAK", StringComparison.Ordinal)
        || name is "DOTNET_STARTUP_HOOKS" or "DOTNET_gcServer" or "DOTNET_TieredCompilation";
}
