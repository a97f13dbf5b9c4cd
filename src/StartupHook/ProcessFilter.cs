// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the rule that says which processes are watched.
// Who calls it: Trampoline, before anything is loaded.
// The one idea: an exclusion always wins, a tool must be named, anything else is watched unless others were named.
using System.IO.Enumeration;

namespace NativeLeak.Injection;

/// <summary>
/// Decides whether a process is watched. The variables are inherited by everything a shell starts, so the tools that
/// build and test programs load the hook as well; they are left alone unless somebody names them.
/// </summary>
internal static class ProcessFilter
{
    private static readonly char[] s_separators = [',', ';', ' '];

    // What builds, tests and inspects programs, when it does not lie in the SDK's folder (see IsInSdk).
    private static readonly string[] s_tools =
    [
        "dotnet", "dotnet-*", "MSBuild", "MSBuild.*", "csc", "vbc", "fsc", "fsi", "VBCSCompiler", "rzc", "ilc", "crossgen",
        "crossgen2", "illink", "NuGet", "NuGet.*", "testhost", "testhost.*", "vstest.console", "datacollector",
        "Microsoft.CodeAnalysis.LanguageServer", "OmniSharp",
    ];

    /// <summary>Decides by names and places alone; touches no file.</summary>
    /// <param name="application">Simple name of the entry assembly, or null when unknown.</param>
    /// <param name="executable">File name of the process's executable, or null.</param>
    /// <param name="applicationFolder">Where the application lies.</param>
    /// <param name="sharedFramework">Folder of the core library; empty in a self-contained single file.</param>
    /// <param name="processes">Patterns to watch (<c>*</c> and <c>?</c>; separated by ',' ';' or blanks), null = all.</param>
    /// <param name="excluded">Patterns not to watch; they win.</param>
    public static bool IsWatched(
        string? application, string? executable, string applicationFolder, string sharedFramework,
        string? processes, string? excluded)
    {
        // "dotnet" runs every framework-dependent program: it names one only when it is the application itself.
        string? process = executable is "dotnet" or "dotnet.exe" ? null : executable;
        if (Matches(excluded, application, process, onlyNamed: false))
        {
            return false;
        }

        if (IsTool(application, process) || IsInSdk(applicationFolder, sharedFramework))
        {
            return Matches(processes, application, process, onlyNamed: true);
        }

        return string.IsNullOrWhiteSpace(processes) || Matches(processes, application, process, onlyNamed: false);
    }

    private static bool IsTool(string? application, string? process)
    {
        foreach (string tool in s_tools)
        {
            if (IsMatch(tool, application) || (application is null && IsMatch(tool, process)))
            {
                return true;
            }
        }

        return false;
    }

    // <root>/shared/Microsoft.NETCore.App/<version>/ next to <root>/sdk/<version>/…
    private static bool IsInSdk(string applicationFolder, string sharedFramework)
    {
        string? root = Path.GetDirectoryName(Path.GetDirectoryName(Path.GetDirectoryName(
            Path.TrimEndingDirectorySeparator(sharedFramework))));
        return !string.IsNullOrEmpty(root)
            && applicationFolder.StartsWith(Path.Join(root, "sdk") + Path.DirectorySeparatorChar, StringComparison.Ordinal);
    }

    private static bool Matches(string? patterns, string? application, string? process, bool onlyNamed)
    {
        foreach (string pattern in (patterns ?? "").Split(s_separators, StringSplitOptions.RemoveEmptyEntries))
        {
            // A pattern of wildcards only means everything that is not a tool.
            bool names = !onlyNamed || pattern.AsSpan().Trim("*?").Length > 0;
            if (names && (IsMatch(pattern, application) || IsMatch(pattern, process)))
            {
                return true;
            }
        }

        return false;
    }

    // The library matches wildcards, with code that is compiled at first use: most names differ before the first one.
    private static bool IsMatch(string pattern, string? name)
    {
        int literal = 0;
        while (literal < pattern.Length && !IsWildcard(pattern[literal]))
        {
            literal++;
        }

        return name is not null
            && string.Compare(pattern, 0, name, 0, literal, StringComparison.OrdinalIgnoreCase) == 0
            && (literal == pattern.Length
                ? literal == name.Length
                : FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: true));
    }

    // As FileSystemName has them; a backslash there takes the meaning from what follows.
    private static bool IsWildcard(char c) => c is '*' or '?' or '\\';
}
