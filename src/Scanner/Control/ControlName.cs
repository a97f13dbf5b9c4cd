// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the names of control channels: nativeleak-{pid}-{start}-socket, beside the runtime's dotnet-diagnostic-….
// Who calls it: ControlServer for its own name and for those that nobody needs any more; the tool to find processes.
// The one idea: a process id is used again, a process id with the time of its start is not.
using System.Globalization;

namespace NativeLeak.Control;

/// <summary>The name of a process's control channel.</summary>
/// <param name="ProcessId">The process.</param>
/// <param name="StartTime">When it started, in the kernel's ticks since boot (field 22 of /proc/pid/stat).</param>
internal readonly record struct ControlName(int ProcessId, ulong StartTime)
{
    private const string Prefix = "nativeleak-", Suffix = "-socket";

    /// <summary>Where the runtime has its own sockets, and where they are looked for: TMPDIR, then /tmp.</summary>
    public static string[] Directories(string? temporary) => string.IsNullOrEmpty(temporary) || temporary.TrimEnd('/') == "/tmp"
        ? ["/tmp"]
        : [temporary, "/tmp"];

    /// <summary>The file's name.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{ProcessId}-{StartTime}{Suffix}");

    /// <summary>The name of this process's channel; null where /proc cannot be read.</summary>
    public static ControlName? OfThisProcess() => TryReadStart("/proc/self/stat", out ulong start)
        ? new ControlName(Environment.ProcessId, start)
        : null;

    /// <summary>The name that a living process's channel would have; null when there is no such process.</summary>
    public static ControlName? Of(int processId)
        => TryReadStart(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"), out ulong start)
            ? new ControlName(processId, start)
            : null;

    /// <summary>Reads a file's name; false when it is none of ours.</summary>
    public static bool TryParse(string fileName, out ControlName name)
    {
        name = default;
        if (!fileName.StartsWith(Prefix, StringComparison.Ordinal) || !fileName.EndsWith(Suffix, StringComparison.Ordinal)
            || fileName.Length <= Prefix.Length + Suffix.Length)
        {
            return false;
        }

        ReadOnlySpan<char> middle = fileName.AsSpan(Prefix.Length, fileName.Length - Prefix.Length - Suffix.Length);
        int dash = middle.IndexOf('-');
        if (dash <= 0
            || !int.TryParse(middle[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out int processId)
            || !ulong.TryParse(middle[(dash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out ulong start))
        {
            return false;
        }

        name = new ControlName(processId, start);
        return true;
    }

    /// <summary>Whether the process of this name still runs.</summary>
    public bool IsAlive => Of(ProcessId) is { } now && now == this;

    // "1 (a name) S …": the name may hold anything, also blanks and parentheses; field 3 follows the last one.
    private static bool TryReadStart(string path, out ulong start)
    {
        start = 0;
        try
        {
            string text = File.ReadAllText(path);
            int at = text.LastIndexOf(')') + 1;
            for (int field = 2; at > 0 && field < 22; field++)
            {
                at = text.IndexOf(' ', at) + 1;
            }

            int end = at > 0 ? text.IndexOf(' ', at) : -1;
            return end > at && ulong.TryParse(text.AsSpan(at, end - at), NumberStyles.None, CultureInfo.InvariantCulture, out start);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false; // no such process, or no /proc: then it has no name
        }
    }
}
