// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

/// <summary>Entry point for the runtime.</summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        string folder = Path.GetDirectoryName(typeof(StartupHook).Assembly.Location)!;
        AssemblyLoadContext.Default.Resolving += (context, name) =>
        {
            string path = Path.Join(folder, name.Name + ".dll");
            return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
        };
        Install();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Install() => ProbeHook.Probe.Install();
}
