// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the verb pack.
// Who calls it: BuildProgram, and the verb journeys when there are no packages yet.
// The one idea: every project under src that calls itself packable is packed; packages lie in a folder of their own, which is
// also the feed that tests and journeys restore from.
namespace NativeLeak.Build;

/// <summary>Makes the packages.</summary>
internal static class Packages
{
    /// <summary>Where they lie.</summary>
    public static string Folder => Path.Combine(Repository.Artifacts, "packages");

    /// <summary>Whether the package NativeLeak is there.</summary>
    public static bool AreThere => Directory.Exists(Folder) && Directory.EnumerateFiles(Folder, "NativeLeak.*.nupkg").Any();

    /// <summary>The projects that say they are packable, in order.</summary>
    public static IReadOnlyList<string> Projects { get; } =
    [
        .. Directory.EnumerateFiles(Repository.PathOf("src"), "*.csproj", SearchOption.AllDirectories)
            .Where(project => File.ReadAllText(project).Contains("<IsPackable>true</IsPackable>", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Compiles what the packages are made of, and packs.</summary>
    /// <returns>Exit code of the step that failed, or 0.</returns>
    public static async Task<int> MakeAsync()
    {
        int exitCode = await Tool.DotnetAsync(
            "build", Repository.PathOf("src", "Analyzers.CodeFixes", "NativeLeak.Analyzers.CodeFixes.csproj"),
            "-c", "Release", "-v:q", "--nologo").ConfigureAwait(false);
        exitCode = exitCode != 0 ? exitCode : await InjectLayout.MakeAsync().ConfigureAwait(false);
        if (exitCode == 0 && Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }

        foreach (string project in Projects)
        {
            exitCode = exitCode != 0 ? exitCode : await Tool.DotnetAsync(
                "pack", project, "-c", "Release", "-o", Folder, "-v:q", "--nologo").ConfigureAwait(false);
        }

        return exitCode;
    }
}
