// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the one frame of a call path that a tool for source code is shown.
// Who calls it: the writers of SARIF, GitHub annotations and JUnit.
// The one idea: the innermost frame of the user's with a line is where somebody can do something.
using System.Globalization;

namespace NativeLeak.Reporting.Formats;

/// <summary>Where in the source a leak is shown, and in which words.</summary>
internal static class LeakPlace
{
    /// <summary>The frame to show; null when the path has none with a line.</summary>
    public static LeakFrame? Of(IReadOnlyList<LeakFrame> stack)
        => UsersWithLine(stack) ?? stack.FirstOrDefault(static frame => frame.File is not null);

    /// <summary>The user's innermost frame with a line; null when there is none.</summary>
    public static LeakFrame? UsersWithLine(IReadOnlyList<LeakFrame> stack)
        => stack.FirstOrDefault(static frame => !frame.IsFramework && frame.File is not null);

    /// <summary>The user's innermost frame, else the innermost; null when nothing is known.</summary>
    public static LeakFrame? Innermost(IReadOnlyList<LeakFrame> stack)
        => stack.FirstOrDefault(static frame => !frame.IsFramework) ?? (stack.Count > 0 ? stack[0] : null);

    /// <summary>A frame in one line: the method, and where the call stands.</summary>
    public static string Write(LeakFrame frame) => frame.File is null
        ? frame.Method
        : string.Create(CultureInfo.InvariantCulture, $"{frame.Method} in {frame.File}:{frame.Line}");

    /// <summary>One sentence: what is lost, and where it was allocated.</summary>
    public static string Describe(LeakGroup group)
    {
        string indirect = group.Indirect.Blocks == 0 ? string.Empty : string.Create(CultureInfo.InvariantCulture,
            $", and {group.Indirect.Bytes} byte(s) in {group.Indirect.Blocks} block(s) that hang from them");
        string method = Innermost(group.Stack)?.Method ?? "an unknown method";
        return string.Create(CultureInfo.InvariantCulture,
            $"{group.Kind} leak of {group.Total.Bytes} byte(s) in {group.Total.Blocks} block(s) allocated by {group.Allocator} in {method}{indirect}");
    }

    /// <summary>A file as tools that check out sources name it: relative to the folder, with slashes, when it lies in it.</summary>
    /// <param name="file">The file as the debug information names it.</param>
    /// <param name="folder">The folder that was checked out.</param>
    public static string Relative(string file, string folder)
    {
        string root = Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar;
        return (file.StartsWith(root, StringComparison.Ordinal) ? file[root.Length..] : file).Replace('\\', '/');
    }
}
