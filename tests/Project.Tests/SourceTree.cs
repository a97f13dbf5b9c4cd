// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Build;

namespace NativeLeak.Project.Tests;

/// <summary>The files of the repository, without what builds leave behind.</summary>
internal static class SourceTree
{
    private static readonly string[] s_skippedFolders = [".git", ".vs", ".vscode", "artifacts", "bin", "obj", "TestResults"];
    private static readonly string[] s_textExtensions =
        [".cs", ".csproj", ".props", ".targets", ".json", ".md", ".sh", ".ps1", ".yml", ".editorconfig", ""];

    /// <summary>Every text file, as a path from the root with forward slashes.</summary>
    public static IReadOnlyList<string> TextFiles { get; } =
        [.. Walk(Repository.Root).Where(path => s_textExtensions.Contains(Path.GetExtension(path))).Order(StringComparer.Ordinal)];

    /// <summary>Every C# file under a folder.</summary>
    public static IEnumerable<string> CSharp(string folder)
        => TextFiles.Where(path => path.StartsWith(folder + "/", StringComparison.Ordinal) && path.EndsWith(".cs", StringComparison.Ordinal));

    /// <summary>The lines of a file.</summary>
    public static string[] Lines(string path) => File.ReadAllLines(FullPath(path));

    /// <summary>The text of a file.</summary>
    public static string Text(string path) => File.ReadAllText(FullPath(path));

    /// <summary>Whether a path from the root names a file or a folder.</summary>
    public static bool Exists(string path) => Path.Exists(FullPath(path));

    /// <summary>A path from the root, in full.</summary>
    public static string FullPath(string path) => Path.Combine(Repository.Root, path);

    private static IEnumerable<string> Walk(string folder)
    {
        IEnumerable<string> files = Directory.EnumerateFiles(folder)
            .Select(path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'));
        return files.Concat(Directory.EnumerateDirectories(folder)
            .Where(path => !s_skippedFolders.Contains(Path.GetFileName(path), StringComparer.Ordinal))
            .SelectMany(Walk));
    }
}
