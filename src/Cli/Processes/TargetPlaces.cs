// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: where another process has its files: its temporary folder, its root, its own number of itself.
// Who calls it: ControlClient and Attachment.
// The one idea: a process in a container has another root and another number; both are in /proc, so no helper is needed there.
using System.Globalization;
using System.Text;
using NativeLeak.Control;

namespace NativeLeak.Cli.Processes;

/// <summary>Places of a process, as seen from here. Nothing throws: what cannot be read is not there.</summary>
internal static class TargetPlaces
{
    /// <summary>The names under which its control channel may be reached.</summary>
    public static IEnumerable<string> ControlPaths(int processId)
    {
        if (ControlName.Of(processId) is not { } name)
        {
            yield break;
        }

        name = name with { ProcessId = OwnNumber(processId) };
        foreach (string folder in TemporaryFolders(processId))
        {
            string path = Path.Join(folder, name.ToString());
            if (File.Exists(path))
            {
                yield return path;
            }
        }
    }

    /// <summary>Its folders for temporary files, the likeliest first.</summary>
    public static IReadOnlyList<string> TemporaryFolders(int processId)
    {
        string root = Root(processId);
        IEnumerable<string> inside = ControlName.Directories(Variable(processId, "TMPDIR")).Select(folder => root + folder);
        return [.. inside.Concat(root.Length == 0 ? ControlName.Directories(Environment.GetEnvironmentVariable("TMPDIR")) : []).Distinct()];
    }

    /// <summary>What to put before its paths: empty, or /proc/…/root for a process that sees other file systems.</summary>
    public static string Root(int processId)
    {
        string own = Link("/proc/self/ns/mnt"), other = Link(Proc(processId, "ns/mnt"));
        return own == other || other.Length == 0 ? string.Empty : Proc(processId, "root");
    }

    /// <summary>The number it has for itself: another one in a container.</summary>
    public static int OwnNumber(int processId)
    {
        string line = Text(Proc(processId, "status")).Split('\n')
            .FirstOrDefault(static line => line.StartsWith("NSpid:", StringComparison.Ordinal)) ?? string.Empty;
        return int.TryParse(line.Split(['\t', ' '])[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : processId;
    }

    /// <summary>Its command line, one word each; empty when it cannot be read.</summary>
    public static string[] CommandLine(int processId)
        => Text(Proc(processId, "cmdline")).Split('\0', StringSplitOptions.RemoveEmptyEntries);

    private static string? Variable(int processId, string name) => Text(Proc(processId, "environ")).Split('\0')
        .FirstOrDefault(entry => entry.StartsWith(name + "=", StringComparison.Ordinal))?[(name.Length + 1)..];

    private static string Proc(int processId, string file) => string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/{file}");

    private static string Link(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: false)?.Name ?? string.Empty;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return string.Empty;
        }
    }

    private static string Text(string path)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes(path));
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return string.Empty;
        }
    }
}
