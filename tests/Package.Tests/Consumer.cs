// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: tests/PackageApps/Consumer, built from the packed package in a copy of its folder.
// Who calls it: the fixtures.
// The one idea: the version of the package never changes, so it is restored into a folder of ours from which it is dropped
// first: no cache can serve an older one.
using NativeLeak.Build;

namespace NativeLeak.Package.Tests;

/// <summary>Builds the consumer in a folder for each set of properties, once.</summary>
internal static class Consumer
{
    private static readonly Lazy<string> s_feed = new(Pack);
    private static readonly Dictionary<string, (string Folder, string Log)> s_built = [];

    private static string Root => Path.Combine(Repository.Artifacts, "package-tests");

    /// <summary>The feed with the package, freshly packed.</summary>
    public static string Feed => s_feed.Value;

    /// <summary>Builds; the path of the program's assembly.</summary>
    public static string Build(string name, params string[] properties)
        => Path.Combine(Make(name, "build", properties).Folder, "out", "Consumer.dll");

    /// <summary>Publishes; the path of the executable.</summary>
    public static string Publish(string name, params string[] properties)
        => Path.Combine(Make(name, "publish", ["-r", "linux-x64", .. properties]).Folder, "out", "Consumer");

    /// <summary>What the build of this name printed.</summary>
    public static string LogOf(string name) => s_built[name].Log;

    /// <summary>The line of the consumer's source that contains a text.</summary>
    public static int LineOf(string text) => 1 + Array.FindIndex(
        File.ReadAllLines(Repository.PathOf("tests", "PackageApps", "Consumer", "Program.cs")), line => line.Contains(text, StringComparison.Ordinal));

    private static (string Folder, string Log) Make(string name, string verb, string[] properties)
    {
        if (s_built.TryGetValue(name, out (string Folder, string Log) known))
        {
            return known;
        }

        string folder = Path.Combine(Root, name);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        foreach (string file in Directory.EnumerateFiles(Repository.PathOf("tests", "PackageApps"))
            .Concat(Directory.EnumerateFiles(Repository.PathOf("tests", "PackageApps", "Consumer"))))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        File.WriteAllText(Path.Combine(folder, "NuGet.config"), $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="{Packages.Folder}-restored" /></config>
              <packageSources><add key="NativeLeak packages" value="{Feed}" /></packageSources>
            </configuration>
            """);
        ChildResult result = ChildProcess.Run(
            "dotnet",
            [verb, Path.Combine(folder, "Consumer.csproj"), "-c", "Release", "-o", Path.Combine(folder, "out"), "-nologo", "-nr:false",
                "-p:UseSharedCompilation=false", .. properties]);
        Assume.That(result.Output, Does.Not.Contain("NU1101").And.Not.Contain("NU1301"), "the runtime pack is not available here");
        Assert.That(result.ExitCode, Is.Zero, result.Output + result.Error);
        s_built[name] = (folder, result.Output);
        return s_built[name];
    }

    private static string Pack()
    {
        Assert.That(InjectLayout.IsComplete, "run ./build.sh build first");
        string restored = Packages.Folder + "-restored";
        if (Directory.Exists(Path.Combine(restored, "nativeleak")))
        {
            Directory.Delete(Path.Combine(restored, "nativeleak"), recursive: true);
        }

        PackTo(Packages.Folder);
        return Packages.Folder;
    }

    /// <summary>Packs what is built.</summary>
    public static void PackTo(string folder)
    {
        ChildResult result = ChildProcess.Run(
            "dotnet", ["pack", Repository.PathOf("src", "Package", "NativeLeak.Package.csproj"), "-c", "Release", "-o", folder, "-nologo", "-nr:false"]);
        Assert.That(result.ExitCode, Is.Zero, result.Output + result.Error);
    }
}
