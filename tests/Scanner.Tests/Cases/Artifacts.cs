// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>Where the build put the programs that the tests start.</summary>
internal static class Artifacts
{
    private const string Hook = "NativeLeak.StartupHook.dll";

    /// <summary>The injected assembly.</summary>
    public static string StartupHook
    {
        get
        {
            // artifacts/bin/<project>/<configuration>/ is where this assembly runs from.
            string path = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "inject", Hook));
            Assert.That(path, Does.Exist, "artifacts/inject is made by the build script's verbs build and test");
            return path;
        }
    }

    /// <summary>A file of the repository, by its path from the root.</summary>
    public static string PathOf(string path)
        => Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", path));

    /// <summary>A program of this repository, built with the same configuration as the tests.</summary>
    public static string ProgramOf(string projectName)
    {
        string configuration = Path.GetFileName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        return Path.GetFullPath(Path.Combine(
            AppContext.BaseDirectory, "..", "..", projectName, configuration, projectName + ".dll"));
    }
}
