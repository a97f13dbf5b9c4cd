// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace NativeLeak.StartupHook.Tests;

/// <summary>A program that runs until it is stopped, and what it says meanwhile.</summary>
internal sealed partial class LiveProcess : IDisposable
{
    // It only turns a hang into a failure.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    private readonly Process _process;
    private readonly Task<string> _error;

    private LiveProcess(Process process) => (_process, _error) = (process, process.StandardError.ReadToEndAsync());

    public int Id => _process.Id;

    public static LiveProcess Start(string file, string[] arguments, params (string Name, string? Value)[] variables)
        => new(Process.Start(ChildProcess.Prepare(file, arguments, variables))!);

    /// <summary>Waits until it has printed the line.</summary>
    public async Task WaitForLineAsync(string line)
    {
        using CancellationTokenSource limit = new(s_patience);
        string? read;
        do
        {
            read = await _process.StandardOutput.ReadLineAsync(limit.Token);
            Assert.That(read, Is.Not.Null, $"it ended before it said '{line}': {(read is null ? await _error : string.Empty)}");
        }
        while (read != line);
    }

    public void Signal(int signal) => _ = kill(Id, signal);

    /// <summary>Waits for its end; the output is what came after the last line waited for.</summary>
    public async Task<ChildResult> EndAsync()
    {
        using CancellationTokenSource limit = new(s_patience);
        string output = await _process.StandardOutput.ReadToEndAsync(limit.Token);
        await _process.WaitForExitAsync(limit.Token);
        return new ChildResult(_process.ExitCode, output, await _error);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    // signal.h
    [LibraryImport("libc")]
    private static partial int kill(int processId, int signal);
}
