// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.Reporting;

/// <summary>Where reports go, from the text of log_path.</summary>
internal static class ReportPath
{
    // Trees of the kernel: a rename into them would replace a device by a file, or fail in odd ways.
    private static readonly string[] s_kernelTrees = ["/dev/", "/proc/", "/sys/"];

    private static readonly string[] s_standardError = ["stderr", "-", "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"];

    /// <summary>Whether the text means the standard error stream.</summary>
    public static bool IsStandardError(string logPath) => s_standardError.Contains(logPath);

    /// <summary>Fills in {app}, {pid} and {time} and makes the path absolute.</summary>
    public static string Expand(string logPath, string application, int processId, DateTimeOffset time)
    {
        string path = logPath
            .Replace("{app}", FileName(application), StringComparison.OrdinalIgnoreCase)
            .Replace("{pid}", processId.ToString(CultureInfo.InvariantCulture), StringComparison.OrdinalIgnoreCase)
            .Replace("{time}", time.UtcDateTime.ToString("yyyyMMdd_HHmmss", CultureInfo.InvariantCulture),
                StringComparison.OrdinalIgnoreCase);
        return Path.GetFullPath(path);
    }

    /// <summary>Says why nothing may be written at an absolute path; null when it may.</summary>
    public static string? Refuse(string path)
    {
        if (Array.Exists(s_kernelTrees, tree => path.StartsWith(tree, StringComparison.Ordinal)))
        {
            // /dev/shm is a plain file system for everyone.
            return path.StartsWith("/dev/shm/", StringComparison.Ordinal) ? null : "it is not a place for files";
        }

        return Directory.Exists(path) ? "it is a directory" : null;
    }

    private static string FileName(string application)
        => string.Concat(application.Select(static character => character is '/' or '\0' ? '_' : character));
}
