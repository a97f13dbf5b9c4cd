// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.StartupHook.Tests;

/// <summary>Where the applications that the tests run were built.</summary>
internal static class Apps
{
    private static readonly string s_own = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);

    // artifacts/bin/<project>/<configuration>
    private static readonly string s_configuration = Path.GetFileName(s_own);
    private static readonly string s_bin = Path.GetDirectoryName(Path.GetDirectoryName(s_own))!;

    public static string HookDriver => Of("HookDriver");

    public static string StackShapes => Of("StackShapes");

    public static string PlainApp => Of("PlainApp");

    public static string ProbeHook => Of("ProbeHook");

    public static string CarryingApp => Of("CarryingApp");

    public static string RestrictedRun => Of("RestrictedRun");

    public static string HostedApp => Of("HostedApp");

    public static string TestedApp => Of("TestedApp");

    public static string Detector => Of("NativeLeak.Scanner");

    public static string Trampoline => Of("NativeLeak.StartupHook");

    /// <summary>The folder of the sources, for tests that publish an application.</summary>
    public static string Sources => Path.Join(Path.GetDirectoryName(Path.GetDirectoryName(s_bin)), "tests", "HookApps");

    private static string Of(string name)
    {
        string path = Path.Join(s_bin, name, s_configuration, name + ".dll");
        Assert.That(path, Does.Exist);
        return path;
    }
}
