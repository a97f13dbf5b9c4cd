// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the names of control channels: nativeleak-{pid}-{start}-socket, beside the runtime's dotnet-diagnostic-….
// Who calls it: ControlServer for its own name and for those that nobody needs any more; the tool to find processes.
// The one idea: a process id is used again, a process id with the time of its start is not.
using System.Globalization;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Control;

/// <summary>The name of a process's control channel.</summary>
/// <param name="ProcessId">The process.</param>
/// <param name="StartTime">When it started, in the kernel's ticks since boot (field 22 of /proc/pid/stat).</param>
internal readonly record struct ControlName(int ProcessId, ulong StartTime)
{
    private const string Prefix = "nativeleak-", Suffix = "-socket";
    private const int StartField = 22, MaximumByteCount = 1024; // proc(5); the file has some 300 bytes

    /// <summary>Where the runtime has its own sockets, and where they are looked for: TMPDIR, then /tmp.</summary>
    public static string[] Directories(string? temporary) => string.IsNullOrEmpty(temporary) || temporary.TrimEnd('/') == "/tmp"
        ? ["/tmp"]
        : [temporary, "/tmp"];

    /// <summary>The file's name.</summary>
    // No interpolation here: it is generic code over numbers, which would be compiled in every program that is watched.
    public override string ToString() => string.Concat(
        string.Concat(Prefix, ProcessId.ToString(CultureInfo.InvariantCulture), "-"),
        StartTime.ToString(CultureInfo.InvariantCulture),
        Suffix);

    /// <summary>The name of this process's channel; false where /proc cannot be read.</summary>
    public static bool TryFindOwn(out ControlName name)
    {
        bool isRead = TryReadStart("/proc/self/stat", out ulong start);
        name = new ControlName(Environment.ProcessId, start);
        return isRead;
    }

    /// <summary>The name of this process's channel; null where /proc cannot be read.</summary>
    public static ControlName? OfThisProcess() => TryFindOwn(out ControlName name) ? name : null;

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
        Span<byte> text = stackalloc byte[MaximumByteCount];
        int length = OperatingSystem.IsLinux() ? PosixFile.ReadStart(path, text) : 0;
        int at = text[..length].LastIndexOf((byte)')') + 1;
        for (int field = 2; at > 0 && field < StartField; field++)
        {
            int blank = text[at..length].IndexOf((byte)' ');
            at = blank < 0 ? 0 : at + blank + 1;
        }

        for (int i = at; at > 0 && i < length && text[i] is >= (byte)'0' and <= (byte)'9'; i++)
        {
            start = unchecked((start * 10) + (ulong)(text[i] - '0'));
        }

        return start > 0;
    }
}
