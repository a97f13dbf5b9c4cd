// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: starts the detector in a process that runs already.
// Who calls it: the verb attach.
// The one idea: the runtime of the target loads the startup hook when its diagnostics port is asked to; what the hook shall do
// lies in a file that only the target's user can read, and that is gone afterwards in every case.
using System.Globalization;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Diagnostics.NETCore.Client;
using Mono.Unix.Native;

namespace NativeLeak.Cli.Processes;

/// <summary>Attaches.</summary>
internal static class Attachment
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(50);

    /// <summary>Starts the detector there, and waits until it answers.</summary>
    /// <param name="processId">The process.</param>
    /// <param name="level">count, sample, on or paranoid.</param>
    /// <param name="options">As in NATIVELEAK_OPTIONS.</param>
    /// <returns>The connection to it.</returns>
    /// <exception cref="ToolException">It cannot be done; nothing is left behind.</exception>
    public static async Task<ControlClient> RunAsync(int processId, string level, string options)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new ToolException("a detector that runs on Linux x64 only cannot be attached here");
        }

        string hook = InjectFolder.Hook;
        string root = TargetPlaces.Root(processId);
        if (root.Length > 0 && !File.Exists(root + hook))
        {
            throw new ToolException($"process {processId} runs in a container that has no {hook}: copy the tool's folder there, to the same path");
        }

        string settings = Path.Join(
            TargetPlaces.TemporaryFolders(processId)[0],
            string.Create(CultureInfo.InvariantCulture, $"nativeleak-{TargetPlaces.OwnNumber(processId)}-attach"));
        WriteSettings(settings, processId, level + "\n" + options + "\n");
        try
        {
            Apply(processId, hook);
            return await WaitAsync(processId).ConfigureAwait(false);
        }
        finally
        {
            File.Delete(settings);
        }
    }

    [SupportedOSPlatform("linux")]
    private static void WriteSettings(string path, int processId, string text)
    {
        try
        {
            using FileStream file = new(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            file.Write(Encoding.UTF8.GetBytes(text));
            File.SetUnixFileMode(file.SafeFileHandle, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new ToolException(File.Exists(path)
                ? $"{path} is there already: another attach runs, or was interrupted (then delete it)"
                : $"{path} cannot be written: {problem.Message}");
        }

        // Root may attach to anybody's process, which then has to be able to read it.
        string process = string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}");
        if (Syscall.stat(process, out Stat owner) == 0 && owner.st_uid != Syscall.geteuid())
        {
            _ = Syscall.chown(path, owner.st_uid, owner.st_gid);
        }
    }

    private static void Apply(int processId, string hook)
    {
        try
        {
            new DiagnosticsClient(processId).ApplyStartupHook(hook);
        }
        catch (ServerNotAvailableException)
        {
            throw new ToolException($"process {processId} has no diagnostics port: it is no .NET process, belongs to another user, "
                + "has another TMPDIR, or was started with DOTNET_EnableDiagnostics=0");
        }
        catch (Exception problem) when (problem is DiagnosticsClientException or IOException or System.Net.Sockets.SocketException)
        {
            throw new ToolException($"the runtime of process {processId} did not load {hook}: {problem.Message}");
        }
    }

    // The channel opens when the scanner thread has been idle for a tenth of a second.
    private static async Task<ControlClient> WaitAsync(int processId)
    {
        for (TimeSpan waited = TimeSpan.Zero; waited < s_patience; waited += s_look)
        {
            if (ControlClient.TryConnect(processId, out _) is { } client)
            {
                return client;
            }

            await Task.Delay(s_look).ConfigureAwait(false);
        }

        throw new ToolException($"the hook was loaded into process {processId}, but the detector does not answer");
    }
}
