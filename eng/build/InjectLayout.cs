// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: lays out artifacts/inject, the folder that is switched on in other programs.
// Who calls it: the verbs build, test and demo, after the compiler.
// The one idea: the new folder is made beside the old one and swapped in by a rename, so that a program that starts
// meanwhile finds the one or the other, never half of one.
namespace NativeLeak.Build;

/// <summary>Collects the injected assemblies and the libraries they need.</summary>
internal static class InjectLayout
{
    private const string ScannerProject = "NativeLeak.Scanner";
    private const string HookProject = "NativeLeak.StartupHook";
    private const string Runtime = "runtimes/linux-x64";

    /// <summary>The files that must be there for the folder to be usable.</summary>
    public static IReadOnlyList<string> RequiredFiles { get; } =
    [
        "NativeLeak.StartupHook.dll", "NativeLeak.StartupHook.pdb",
        "NativeLeak.Scanner.dll", "NativeLeak.Scanner.pdb",
        "NativeLeak.NativeHeap.dll", "NativeLeak.NativeHeap.pdb",
        "NativeLeak.Interop.dll", "NativeLeak.Interop.pdb",
        "Mono.Posix.NETStandard.dll", "libMonoPosixHelper.so",
    ];

    /// <summary>Whether the folder is complete.</summary>
    public static bool IsComplete => RequiredFiles.All(name => File.Exists(Path.Combine(Repository.Inject, name)));

    /// <summary>Makes the folder from what was built.</summary>
    /// <returns>Exit code of the step.</returns>
    public static async Task<int> MakeAsync()
    {
        string staging = Path.Combine(Repository.Artifacts, "obj", "inject");
        DeleteFolder(staging);

        // Publishing resolves the package's managed and native files, and compiles ours ahead (ReadyToRun).
        foreach (string project in (string[])[Path.Combine("Scanner", ScannerProject), Path.Combine("StartupHook", HookProject)])
        {
            int exitCode = await Tool.DotnetAsync(
                "publish", Repository.PathOf("src", project + ".csproj"), "-c", "Release", "-r", "linux-x64",
                "--self-contained", "false", "-o", staging, "-v:q", "--nologo").ConfigureAwait(false);
            if (exitCode != 0)
            {
                return exitCode;
            }
        }

        string[] sources =
        [
            staging, Path.Combine(staging, Runtime, "native"), Path.Combine(staging, Runtime, "lib", "netstandard2.0"),
        ];
        string fresh = Repository.Inject + ".new";
        DeleteFolder(fresh);
        Directory.CreateDirectory(fresh);
        foreach (string name in RequiredFiles)
        {
            string? source = sources.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
            if (source is null)
            {
                await Console.Error.WriteLineAsync($"build: {name} was not built; artifacts/inject is left as it was")
                    .ConfigureAwait(false);
                return 1;
            }

            File.Copy(source, Path.Combine(fresh, name));
        }

        string old = Repository.Inject + ".old";
        DeleteFolder(old);
        if (Directory.Exists(Repository.Inject))
        {
            Directory.Move(Repository.Inject, old);
        }

        Directory.Move(fresh, Repository.Inject);
        DeleteFolder(old);
        return 0;
    }

    private static void DeleteFolder(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
    }
}
