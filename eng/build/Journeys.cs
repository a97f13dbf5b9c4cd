// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the verb journeys: what a user does in the first five minutes, as scripts that are run.
// Who calls it: BuildProgram; Package.Tests runs single journeys.
// The one idea: a journey sees nothing of this repository but the packed packages: it runs in an empty folder, and its
// packages are restored into a folder that no other build fills.
using System.Diagnostics;

namespace NativeLeak.Build;

/// <summary>Runs the scripts under samples/journeys against the packed packages.</summary>
internal static class Journeys
{
    private const string Script = "journey.sh";

    // A journey builds a program or two; this only turns a hang into a failure.
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(8);

    /// <summary>The names of all journeys, in order.</summary>
    public static IReadOnlyList<string> Names { get; } = FindNames();

    /// <summary>Runs those named (all, without names) and prints the result of each.</summary>
    /// <exception cref="UsageException">A name is no journey's.</exception>
    public static async Task<int> RunAsync(IReadOnlyList<string> names)
    {
        if (names.FirstOrDefault(name => !Names.Contains(name)) is { } unknown)
        {
            throw new UsageException($"no journey '{unknown}' ({string.Join(", ", Names)})");
        }

        int exitCode = Packages.AreThere ? 0 : await Packages.MakeAsync().ConfigureAwait(false);
        if (exitCode != 0)
        {
            return exitCode;
        }

        string root = Path.Combine(Repository.Artifacts, "journeys");
        DropRestored(Path.Combine(root, "packages"));
        List<string> results = [];
        int failed = 0;
        foreach (string name in names.Count == 0 ? Names : names)
        {
            Console.WriteLine($"── {name}");
            Stopwatch watch = Stopwatch.StartNew();
            int? code = await RunAsync(root, name).ConfigureAwait(false);
            string outcome = code switch { 0 => "passed", null => "was ended by the time limit", _ => $"failed with exit code {code}" };
            results.Add($"{name} {outcome} ({watch.Elapsed.TotalSeconds:0} s)");
            failed += code == 0 ? 0 : 1;
        }

        results.ForEach(Console.WriteLine);
        Console.WriteLine($"{results.Count - failed} passed, {failed} failed");
        return failed == 0 ? 0 : 1;
    }

    private static async Task<int?> RunAsync(string root, string name)
    {
        string folder = Path.Combine(root, name);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "NuGet.config"), $"""
            <configuration>
              <packageSources>
                <add key="NativeLeak packages" value="{Packages.Folder}" />
              </packageSources>
            </configuration>

            """).ConfigureAwait(false);
        // Nothing of this repository's own build settings.
        foreach (string file in (string[])["Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props"])
        {
            await File.WriteAllTextAsync(Path.Combine(folder, file), "<Project />\n").ConfigureAwait(false);
        }

        // Nor of its choice of a platform for tests.
        await File.WriteAllTextAsync(Path.Combine(folder, "global.json"), "{}\n").ConfigureAwait(false);
        ProcessStartInfo start = new("bash", [Repository.PathOf("samples", "journeys", name, Script)]) { WorkingDirectory = folder };
        foreach (string variable in start.Environment.Keys.ToArray())
        {
            if (variable.StartsWith("NATIVELEAK", StringComparison.Ordinal) || variable == "DOTNET_STARTUP_HOOKS")
            {
                start.Environment.Remove(variable);
            }
        }

        start.Environment["NUGET_PACKAGES"] = Path.Combine(root, "packages");
        start.Environment["JOURNEY_PACKAGES"] = Packages.Folder;
        start.Environment["DOTNET_CLI_HOME"] = Path.Combine(root, "home");
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        return (await Tool.WatchAsync(start, s_limit).ConfigureAwait(false)).ExitCode;
    }

    // The version stays the same from pack to pack: what was restored before is of an older one.
    private static void DropRestored(string packages)
    {
        if (Directory.Exists(packages))
        {
            foreach (string stale in Directory.EnumerateDirectories(packages)
                .Where(static path => Path.GetFileName(path).Contains("nativeleak", StringComparison.Ordinal)))
            {
                Directory.Delete(stale, recursive: true);
            }
        }
    }

    private static string[] FindNames()
    {
        string folder = Repository.PathOf("samples", "journeys");
        return Directory.Exists(folder)
            ? [.. Directory.EnumerateDirectories(folder).Where(static path => File.Exists(Path.Combine(path, Script)))
                .Select(static path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)]
            : [];
    }
}
