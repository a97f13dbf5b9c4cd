// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Runtime.Versioning;
using Microsoft.Diagnostics.NETCore.Client;
using NativeLeak.Control;

namespace NativeLeak.Cli.Processes;

/// <summary>A process with a .NET runtime.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Name">Its application, or its executable.</param>
/// <param name="IsWatched">Whether it has a control channel.</param>
/// <param name="CommandLine">How it was started.</param>
internal sealed record DotnetProcess(int Id, string Name, bool IsWatched, string CommandLine)
{
    /// <summary>Every one that this user may talk to, the tool itself apart; and names of ended ones are taken away.</summary>
    public static IReadOnlyList<DotnetProcess> List()
    {
        HashSet<int> numbers = [];
        try
        {
            numbers.UnionWith(DiagnosticsClient.GetPublishedProcesses());
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // No folder for temporary files: then whatever the other one has.
        }

        foreach (string folder in ControlName.Directories(Environment.GetEnvironmentVariable("TMPDIR")))
        {
            if (OperatingSystem.IsLinux())
            {
                numbers.UnionWith(Watched(folder));
            }
        }

        numbers.Remove(Environment.ProcessId);
        return [.. numbers.Order().Select(Describe).OfType<DotnetProcess>()];
    }

    [SupportedOSPlatform("linux")]
    private static IEnumerable<int> Watched(string folder)
    {
        StaleNames.Remove(folder);
        string[] files = [];
        try
        {
            files = Directory.GetFiles(folder, "nativeleak-*-socket");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // As above.
        }

        foreach (string file in files)
        {
            if (ControlName.TryParse(Path.GetFileName(file), out ControlName name) && name.IsAlive)
            {
                yield return name.ProcessId;
            }
        }
    }

    private static DotnetProcess? Describe(int processId)
    {
        string[] words = TargetPlaces.CommandLine(processId);
        string name = string.Empty;
        try
        {
            using Process process = Process.GetProcessById(processId);
            name = process.ProcessName;
        }
        catch (Exception problem) when (problem is ArgumentException or InvalidOperationException)
        {
            return null; // it has ended since
        }

        string? application = words.Skip(1).FirstOrDefault(static word => word.EndsWith(".dll", StringComparison.OrdinalIgnoreCase));
        name = name == "dotnet" && application is not null ? Path.GetFileNameWithoutExtension(application) : name;
        return new DotnetProcess(processId, name, TargetPlaces.ControlPaths(processId).Any(), string.Join(' ', words));
    }
}
