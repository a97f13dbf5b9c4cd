// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: loads our assemblies from the folder of the hook.
// Who calls it: Trampoline, once.
// The one idea: the application comes first. If it carries the very same build of NativeLeak, that one is used, so that
// its TrackedMemory and the hook share one recorder. In every other case ours live in a context of their own, where
// they can neither replace nor be replaced by what the application loads now or later.
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.Loader;

namespace NativeLeak.Injection;

/// <summary>Loads the siblings of the startup hook.</summary>
/// <param name="folder">Where they lie.</param>
[UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Loads from a folder of its own what no trimming has seen.")]
[UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "An empty path is what tells a single-file application.")]
internal sealed class SiblingLoader(string folder)
{
    private static readonly string[] s_own = ["NativeLeak.Interop", "NativeLeak.NativeHeap", "NativeLeak.Scanner"];

    /// <summary>How an application stands to us.</summary>
    internal enum Carried
    {
        /// <summary>It has no assembly of ours.</summary>
        Nothing,

        /// <summary>It has some, all of exactly our build.</summary>
        SameBuild,

        /// <summary>It has at least one of another build.</summary>
        OtherBuild,
    }

    /// <summary>The first of our assemblies that is not in <paramref name="folder"/>; null when all are.</summary>
    public static string? FindMissing(string folder)
        => Array.Find(s_own, name => !File.Exists(Path.Join(folder, name + ".dll")));

    /// <summary>Loads one of our assemblies, and sees to it that those it references are found.</summary>
    public Assembly Load(string simpleName)
    {
        if (FindCarried() != Carried.SameBuild)
        {
            // By file, and each before those that need it: a reference to what is loaded asks nobody.
            InjectedContext context = new(folder);
            Assembly? wanted = null;
            foreach (string name in s_own)
            {
                Assembly loaded = context.LoadFromAssemblyPath(Path.Join(folder, name + ".dll"));
                wanted = name == simpleName ? loaded : wanted;
            }

            return wanted ?? context.LoadFromAssemblyPath(Path.Join(folder, simpleName + ".dll"));
        }

        // Both events fire only after the application's own ways of finding something have failed.
        AssemblyLoadContext.Default.Resolving += (context, name)
            => PathOf(folder, name.Name) is { } path ? context.LoadFromAssemblyPath(path) : null;
        AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) => InjectedContext.LoadLibrary(folder, name);
        return AssemblyLoadContext.Default.LoadFromAssemblyName(new AssemblyName(simpleName));
    }

    /// <summary>The file of one of our assemblies, or of one they need; null for any other name.</summary>
    public static string? PathOf(string folder, string? simpleName)
    {
        if (simpleName != "Mono.Posix.NETStandard" && Array.IndexOf(s_own, simpleName) < 0)
        {
            return null;
        }

        string path = Path.Join(folder, simpleName + ".dll");
        return File.Exists(path) ? path : null;
    }

    /// <summary>Whether two assemblies are the same build: identity and informational version (which has the commit).</summary>
    internal static bool IsSameBuild(string ours, string theirs)
        => ours == theirs || (AssemblyName.GetAssemblyName(ours).FullName == AssemblyName.GetAssemblyName(theirs).FullName
            && FileVersionInfo.GetVersionInfo(ours).ProductVersion == FileVersionInfo.GetVersionInfo(theirs).ProductVersion);

    private Carried FindCarried()
    {
        Carried result = Carried.Nothing;
        string platform = AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") as string ?? "";
        bool mayBundle = string.IsNullOrEmpty(Assembly.GetEntryAssembly()?.Location);
        foreach (string name in s_own)
        {
            string ours = Path.Join(folder, name + ".dll");
            bool? same = FindListed(platform, name) is { } listed ? IsSameBuild(ours, listed)
                : mayBundle ? IsBundledSame(ours, name) : null;
            if (same == false)
            {
                return Carried.OtherBuild;
            }

            result = same == true ? Carried.SameBuild : result;
        }

        return result;
    }

    private static string? FindListed(string platform, string name)
    {
        // Not interpolated: that makes the runtime prepare its pools of arrays, with their event source, before Main.
        int at = platform.IndexOf(Path.DirectorySeparatorChar.ToString() + name + ".dll", StringComparison.Ordinal);
        if (at < 0)
        {
            return null;
        }

        int start = platform.LastIndexOf(Path.PathSeparator, at) + 1;
        int end = platform.IndexOf(Path.PathSeparator, at);
        return platform[start..(end < 0 ? platform.Length : end)];
    }

    // The assemblies inside a single-file application are listed nowhere: ask for one.
    private static bool? IsBundledSame(string ours, string name)
    {
        try
        {
            Assembly theirs = Assembly.Load(new AssemblyName(name));
            string? version = theirs.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
            return theirs.FullName == AssemblyName.GetAssemblyName(ours).FullName
                && version == FileVersionInfo.GetVersionInfo(ours).ProductVersion;
        }
        catch (FileNotFoundException)
        {
            return null; // not in the bundle: the usual case
        }
    }
}
