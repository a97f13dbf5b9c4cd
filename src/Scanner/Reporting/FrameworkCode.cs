// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;

namespace NativeLeak.Reporting;

/// <summary>Tells .NET's own assemblies from everyone else's, so that reports can put the user's frames
/// first.</summary>
internal static class FrameworkCode
{
    private static readonly string[] s_names =
        ["mscorlib", "netstandard", "System", "Microsoft.CSharp", "Microsoft.VisualBasic", "WindowsBase"];

    private static readonly string[] s_prefixes =
        ["System.", "Microsoft.Win32.", "Microsoft.AspNetCore.", "Microsoft.Extensions.", "Microsoft.VisualBasic."];

    /// <summary>Whether the assembly of this method belongs to .NET or ASP.NET Core.</summary>
    public static bool Owns(MethodBase method) => Owns(method.Module.Assembly);

    /// <summary>Whether this assembly belongs to .NET or ASP.NET Core: by name, and signed as theirs are (a user's own
    /// assembly may be called System.Something).</summary>
    public static bool Owns(Assembly assembly)
    {
        AssemblyName name = assembly.GetName();
        return OwnsName(name.Name) && name.GetPublicKeyToken() is { Length: > 0 };
    }

    /// <summary>The same, when only the name is known.</summary>
    public static bool OwnsName(string? name) => name is not null
        && (s_names.Contains(name)
            || Array.Exists(s_prefixes, prefix => name.StartsWith(prefix, StringComparison.Ordinal)));
}
