// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace NativeLeak.Injection;

/// <summary>The context our assemblies live in when the application does not bring the same ones. Never unloaded.</summary>
internal sealed class InjectedContext(string folder) : AssemblyLoadContext("NativeLeak", isCollectible: false)
{
    /// <summary>Loads the native helper of Mono.Posix from our folder; 0 for any other library.</summary>
    public static nint LoadLibrary(string folder, string name)
    {
        string path = Path.Join(folder, "libMonoPosixHelper.so");
        return name.Contains("MonoPosixHelper", StringComparison.Ordinal) && File.Exists(path) ? NativeLibrary.Load(path) : 0;
    }

    /// <inheritdoc/>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Loads from a folder of its own what no trimming has seen.")]
    protected override Assembly? Load(AssemblyName assemblyName)
        => SiblingLoader.PathOf(folder, assemblyName.Name) is { } path ? LoadFromAssemblyPath(path) : null;

    /// <inheritdoc/>
    protected override nint LoadUnmanagedDll(string unmanagedDllName) => LoadLibrary(folder, unmanagedDllName);
}
