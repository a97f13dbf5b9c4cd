// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: finds dangerous lines whose member gives no reason for them.
// Who calls it: ReasonTests, over src/ and over samples that must be found.
// The one idea: a member is what stands between two blank lines that are followed by a line of the type's own indentation;
// blank lines inside a body are followed by deeper ones.
using System.Text.RegularExpressions;

namespace NativeLeak.Project.Tests;

/// <summary>Every unsafe member says why it is safe (Safety:), every fence and atomic what it orders (Order:).</summary>
internal static partial class ReasonCheck
{
    /// <summary>Members with an atomic or a fence and without the word Order:.</summary>
    public static IEnumerable<Finding> WithoutOrder(string path, IReadOnlyList<string> lines)
        => Find(path, lines, line => Atomic().IsMatch(line), "Order:");

    /// <summary>
    /// Members that are unsafe by themselves and lack the word Safety:, and types that are unsafe as a whole and lack it
    /// everywhere.
    /// </summary>
    public static IEnumerable<Finding> WithoutSafety(string path, IReadOnlyList<string> lines)
        => Find(path, lines, line => Unsafe().IsMatch(line) && !TypeHeader().IsMatch(line), "Safety:")
            .Concat(Enumerable.Range(0, lines.Count)
                .Where(i => Unsafe().IsMatch(Code(lines[i])) && TypeHeader().IsMatch(lines[i])
                    && HoldsCode(lines) && !lines.Any(line => line.Contains("Safety:", StringComparison.Ordinal)))
                .Select(i => new Finding(path, i + 1, lines[i])));

    private static IEnumerable<Finding> Find(
        string path, IReadOnlyList<string> lines, Func<string, bool> isDangerous, string reason)
    {
        for (int i = 0; i < lines.Count; i++)
        {
            if (!isDangerous(Code(lines[i])))
            {
                continue;
            }

            int start = i;
            while (start > 0 && !IsBoundary(lines, start - 1))
            {
                start--;
            }

            int end = i;
            while (end < lines.Count && !IsBoundary(lines, end))
            {
                end++;
            }

            if (!lines.Skip(start).Take(end - start).Any(line => line.Contains(reason, StringComparison.Ordinal)))
            {
                yield return new Finding(path, i + 1, lines[i]);
                i = end;
            }
        }
    }

    // A struct of nothing but fields reads and writes nothing: its pointers are dangerous to those who follow them.
    private static bool HoldsCode(IReadOnlyList<string> lines)
        => lines.Any(line => line.StartsWith("        ", StringComparison.Ordinal) && line.EndsWith(';'));

    private static bool IsBoundary(IReadOnlyList<string> lines, int index)
        => lines[index].Length == 0 && index + 1 < lines.Count && Indentation(lines[index + 1]) <= 4;

    private static int Indentation(string line) => line.Length - line.TrimStart().Length;

    /// <summary>The line without its comment.</summary>
    private static string Code(string line) => line.TrimStart().StartsWith("//", StringComparison.Ordinal)
        ? "" : line.Split(" // ")[0];

    [GeneratedRegex(@"\b(Volatile|Interlocked)\.\w+\(")]
    private static partial Regex Atomic();

    [GeneratedRegex(@"\bunsafe\b")]
    private static partial Regex Unsafe();

    [GeneratedRegex(@"\b(class|struct|interface)\s+\w+")]
    private static partial Regex TypeHeader();
}
