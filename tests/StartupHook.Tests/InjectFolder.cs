// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.StartupHook.Tests;

/// <summary>A folder as users inject it: the hook and everything it loads, in a place of its own.</summary>
internal sealed class InjectFolder : IDisposable
{
    private InjectFolder(string path) => Path = path;

    public string Path { get; }

    public string Hook => System.IO.Path.Join(Path, "NativeLeak.StartupHook.dll");

    public static InjectFolder Create()
    {
        string folder = Directory.CreateTempSubdirectory("nativeleak-inject-").FullName;
        string native = System.IO.Path.Join(AppContext.BaseDirectory, "runtimes", "linux-x64");
        string[] files =
        [
            Apps.Trampoline, .. Directory.GetFiles(System.IO.Path.GetDirectoryName(Apps.Detector)!, "NativeLeak.*.dll"),
            System.IO.Path.Join(native, "lib", "netstandard2.0", "Mono.Posix.NETStandard.dll"),
            System.IO.Path.Join(native, "native", "libMonoPosixHelper.so"),
        ];
        foreach (string file in files)
        {
            File.Copy(file, System.IO.Path.Join(folder, System.IO.Path.GetFileName(file)));
        }

        return new InjectFolder(folder);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
