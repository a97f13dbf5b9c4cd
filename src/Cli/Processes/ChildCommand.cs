// Licensed under the MIT License. See LICENSE in the repository root.
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using NativeLeak.Cli.Terminals;

namespace NativeLeak.Cli.Processes;

/// <summary>Runs a command in the terminal's own streams.</summary>
internal static class ChildCommand
{
    private const int ErrorFileNotFound = 2; // ENOENT

    /// <summary>Runs it to its end. Ctrl+C is the command's to answer; SIGTERM is passed on to it.</summary>
    /// <returns>Its exit code (128 and the signal's number when one ended it), or 126 or 127 when it could not be started.</returns>
    public static async Task<int> RunAsync(ProcessStartInfo start)
    {
        static void LeaveItToTheCommand(PosixSignalContext context) => context.Cancel = true;
        Process? process = null;
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, LeaveItToTheCommand);
        using PosixSignalRegistration quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, LeaveItToTheCommand);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            if (process is not null)
            {
                _ = Mono.Unix.Native.Syscall.kill(process.Id, Mono.Unix.Native.Signum.SIGTERM);
            }
        });
        try
        {
            process = Process.Start(start) ?? throw new ToolException(ExitCode.CannotStart, $"{start.FileName} was not started");
            await process.WaitForExitAsync().ConfigureAwait(false);
            return process.ExitCode;
        }
        catch (Win32Exception problem)
        {
            Chatter.Say($"{start.FileName}: {problem.Message}");
            return problem.NativeErrorCode == ErrorFileNotFound ? ExitCode.NotFound : ExitCode.CannotStart;
        }
        finally
        {
            process?.Dispose();
        }
    }
}
