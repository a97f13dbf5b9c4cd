// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.Injection;

/// <summary>
/// Says why the detector did not start: one line in a file beside the report, only when a report file is named and
/// <c>NATIVELEAK_VERBOSITY</c> is set. Never the application's own output.
/// </summary>
internal static class FailureLog
{
    /// <summary>Writes <c>&lt;log_path&gt;.hook</c>, new and readable by its owner only; an existing file or link is left alone.</summary>
    public static void Write(Exception exception)
    {
        if (!HookSettings.IsVerbose || HookSettings.LogPath is not { Length: > 0 } path || path is "stderr" or "stdout")
        {
            return;
        }

        string file = path
            .Replace("{app}", AppDomain.CurrentDomain.FriendlyName, StringComparison.Ordinal)
            .Replace("{pid}", Environment.ProcessId.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{time}", DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss", CultureInfo.InvariantCulture), StringComparison.Ordinal);
        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using StreamWriter writer = new(file + ".hook", options);
        string reason = exception.Message.ReplaceLineEndings(" ");
        writer.WriteLine($"NATIVELEAK: the detector was not started: {exception.GetType().Name}: {reason}");
    }
}
