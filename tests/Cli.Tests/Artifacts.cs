// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Cli.Tests;

/// <summary>Where the build put what the tests start.</summary>
internal static class Artifacts
{
    private static readonly string s_own = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);

    // artifacts/bin/<project>/<configuration>
    private static readonly string s_bin = Path.GetDirectoryName(Path.GetDirectoryName(s_own))!;

    /// <summary>The repository.</summary>
    public static string Root => Path.GetDirectoryName(Path.GetDirectoryName(s_bin))!;

    /// <summary>The tool.</summary>
    public static string Tool => Of("NativeLeak.Cli", "dotnet-nativeleak.dll");

    /// <summary>The program that does what its standard input says.</summary>
    public static string ServiceApp => Of("ServiceApp", "ServiceApp.dll");

    /// <summary>The injected assembly.</summary>
    public static string Hook
    {
        get
        {
            string path = Path.Join(Path.GetDirectoryName(s_bin), "inject", "NativeLeak.StartupHook.dll");
            Assert.That(path, Does.Exist, "artifacts/inject is made by the build script's verbs build and test");
            return path;
        }
    }

    private static string Of(string project, string file)
    {
        string path = Path.Join(s_bin, project, Path.GetFileName(s_own), file);
        Assert.That(path, Does.Exist);
        return path;
    }
}
