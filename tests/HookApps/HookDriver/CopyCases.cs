// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.Loader;
using NativeLeak.NativeHeap.Interception;

namespace HookDriver;

/// <summary>Installing again: by the same copy of NativeLeak, by a second copy, and by one that could be unloaded.</summary>
internal static class CopyCases
{
    public static void Run(string firstDetail)
    {
        InterceptionTier again = RuntimeHook.Install(out string detail);
        Console.WriteLine($"copy=same tier={again} same={detail == firstDetail}");
        Console.WriteLine($"copy=second {InstallIn(new PrivateContext(isCollectible: false))}");
        Console.WriteLine($"copy=collectible {InstallIn(new PrivateContext(isCollectible: true))}");
    }

    private static string InstallIn(PrivateContext context)
    {
        Assembly copy = context.LoadFromAssemblyPath(typeof(RuntimeHook).Assembly.Location);
        Type hook = copy.GetType(typeof(RuntimeHook).FullName!)!;
        object?[] arguments = [null];
        object tier = hook.GetMethod("Install", BindingFlags.Static | BindingFlags.Public)!.Invoke(null, arguments)!;
        return $"tier={tier} detail={arguments[0]}";
    }

    private sealed class PrivateContext(bool isCollectible) : AssemblyLoadContext("copy", isCollectible)
    {
        protected override Assembly? Load(AssemblyName assemblyName)
            => assemblyName.Name!.StartsWith("NativeLeak.", StringComparison.Ordinal)
                ? LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, assemblyName.Name + ".dll"))
                : null;
    }
}
