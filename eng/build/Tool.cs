// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: every process the build program starts goes through here.
// Who calls it: all verbs.
// The one idea: a child never outlives its time limit or its parent's patience, and never waits for input nobody gives.
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace NativeLeak.Build;

/// <summary>Starts processes and gives back their exit codes.</summary>
internal static class Tool
{
    /// <summary>Exit code of a command that was found but could not be started (the shells' habit).</summary>
    public const int CannotStart = 126;

    /// <summary>Exit code of a command that was not found (the shells' habit).</summary>
    public const int NotFound = 127;

    private const int ErrorFileNotFound = 2;

    /// <summary>Runs <c>dotnet</c> with the terminal's own streams.</summary>
    public static Task<int> DotnetAsync(params string[] arguments)
    {
        ProcessStartInfo start = new(DotnetPath()) { WorkingDirectory = Repository.Root };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // Build nodes that stay behind keep the output pipe of a CI job open; the next build costs a second more.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["DOTNET_NOLOGO"] = "1";
        return RunAsync(start);
    }

    /// <summary>Runs a command in the terminal's own streams and waits for it. Ctrl+C is the command's to answer.</summary>
    public static async Task<int> RunAsync(ProcessStartInfo start)
    {
        static void LeaveItToTheCommand(PosixSignalContext context) => context.Cancel = true;
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, LeaveItToTheCommand);
        using PosixSignalRegistration quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, LeaveItToTheCommand);
        try
        {
            using Process process = Process.Start(start) ?? throw new InvalidOperationException("No process was started.");
            await process.WaitForExitAsync().ConfigureAwait(false);
            return process.ExitCode;
        }
        catch (Win32Exception problem)
        {
            await Console.Error.WriteLineAsync($"build: {start.FileName}: {problem.Message}").ConfigureAwait(false);
            return problem.NativeErrorCode == ErrorFileNotFound ? NotFound : CannotStart;
        }
    }

    /// <summary>
    /// Runs a command without input, shows its output line by line as it comes, and keeps the lines.
    /// </summary>
    /// <returns>The exit code, null when the time limit passed and the whole process tree was ended; and the lines.</returns>
    public static async Task<(int? ExitCode, IReadOnlyList<string> Lines)> WatchAsync(ProcessStartInfo start, TimeSpan limit)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        List<string> lines = [];
        using CancellationTokenSource clock = new(limit);
        using Process process = Process.Start(start) ?? throw new InvalidOperationException("No process was started.");
        process.StandardInput.Close();
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is not null)
            {
                lines.Add(line.Data);
                Console.WriteLine(line.Data);
            }
        };
        process.BeginOutputReadLine();
        try
        {
            await process.WaitForExitAsync(clock.Token).ConfigureAwait(false);
            return (process.ExitCode, lines);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
            return (null, lines);
        }
    }

    /// <summary>The dotnet that runs this program, so that children use the same SDK and runtime.</summary>
    public static string DotnetPath() => Environment.ProcessPath is { } path
        && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
}
