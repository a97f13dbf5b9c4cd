// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using NativeLeak;

Lose();
foreach (Assembly assembly in AppDomain.CurrentDomain.GetAssemblies().OrderBy(a => a.FullName, StringComparer.Ordinal))
{
    AssemblyName name = assembly.GetName();
    if (name.Name!.StartsWith("NativeLeak.", StringComparison.Ordinal))
    {
        string context = AssemblyLoadContext.GetLoadContext(assembly)!.Name!;
        string place = Path.GetDirectoryName(assembly.Location) + "/" == AppContext.BaseDirectory ? "application" : "elsewhere";
        Console.WriteLine($"loaded={name.Name} {name.Version} {context} {place}");
    }
}

// One block by the application's own copy of our API, one by the runtime's.
[MethodImpl(MethodImplOptions.NoInlining)]
static unsafe void Lose()
{
    _ = TrackedMemory.Alloc(300);
    _ = NativeMemory.Alloc(500);
}
