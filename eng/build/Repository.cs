// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Build;

/// <summary>Where things are. Every path starts at the repository's root; every output is under <c>artifacts/</c>.</summary>
internal static class Repository
{
    private const string Marker = "NativeLeak.sln";

    /// <summary>The folder that holds NativeLeak.sln.</summary>
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    /// <summary>The solution.</summary>
    public static string Solution => Path.Combine(Root, Marker);

    /// <summary>All outputs.</summary>
    public static string Artifacts => Path.Combine(Root, "artifacts");

    /// <summary>What is injected into other programs.</summary>
    public static string Inject => Path.Combine(Artifacts, "inject");

    /// <summary>The assembly that DOTNET_STARTUP_HOOKS names.</summary>
    public static string StartupHook => Path.Combine(Inject, "NativeLeak.StartupHook.dll");

    /// <summary>A path below the root, from its parts.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>The Release output of a project, by the name of its project file.</summary>
    public static string OutputOf(string projectName) => Path.Combine(Artifacts, "bin", projectName, "release");

    /// <summary>The program a project builds, by the name of its project file.</summary>
    public static string ProgramOf(string projectName) => Path.Combine(OutputOf(projectName), projectName + ".dll");

    private static string FindRoot(string start)
    {
        for (DirectoryInfo? folder = new(start); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, Marker)))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"{Marker} was not found in any folder above {start}.");
    }
}
