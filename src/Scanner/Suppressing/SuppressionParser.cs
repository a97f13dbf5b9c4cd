// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: reads the lines of a suppression file.
// Who calls it: SuppressionFile; SuppressingAttributes for templates.
// The one idea: LeakSanitizer's lines (leak:pattern), so that its users' files work; everything more comes behind " where ".
using System.Globalization;
using NativeLeak.Options;

namespace NativeLeak.Suppressing;

/// <summary>Reads suppressions. Never throws for any text.</summary>
internal static class SuppressionParser
{
    private const string Prefix = "leak:";
    private const string Where = " where ";
    private const string Between = "...";

    private static readonly string[] s_conditions = ["kind", "allocator", "tag", "size", "count", "until"];

    /// <summary>Reads one line. Null without an error: a comment, or an empty line.</summary>
    /// <param name="line">The line.</param>
    /// <param name="source">Where it stands.</param>
    /// <param name="error">What is wrong with it, and what would be right; null when nothing is.</param>
    public static Suppression? Parse(string line, string source, out string? error)
    {
        error = null;
        string text = line.Trim();
        if (text.Length == 0 || text.StartsWith('#'))
        {
            return null;
        }

        if (!text.StartsWith(Prefix, StringComparison.Ordinal))
        {
            error = "a line is leak: and a pattern, as in leak:Contoso.Cache.Load, or begins with #";
            return null;
        }

        // What is trimmed away may have been the last condition: an unfinished line.
        text = text.EndsWith(Where.TrimEnd(), StringComparison.Ordinal) ? text + " " : text;
        int where = text.LastIndexOf(Where, StringComparison.Ordinal);
        string path = (where < 0 ? text[Prefix.Length..] : text[Prefix.Length..where]).Trim();
        FramePattern[] frames = [.. path.Split(Between, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(static part => new FramePattern(part))];
        if (path.All(static character => character is '*' or '.' or ' ' or '^' or '$' or '!'))
        {
            error = "the pattern fits every leak: name a method, or an assembly followed by !";
            return null;
        }

        Suppression suppression = new() { Name = text[Prefix.Length..], Source = source, Frames = frames };
        string[] conditions = where < 0 ? [] : text[(where + Where.Length)..].Split(',', StringSplitOptions.TrimEntries);
        foreach (string condition in conditions)
        {
            if (Apply(suppression, condition) is not { } next)
            {
                error = Explain(condition);
                return null;
            }

            suppression = next;
        }

        return suppression;
    }

    private static Suppression? Apply(Suppression suppression, string condition)
    {
        int equals = condition.IndexOf('=', StringComparison.Ordinal);
        string value = equals < 0 ? string.Empty : condition[(equals + 1)..].Trim();
        if (value.Length == 0)
        {
            return null;
        }

        return condition[..equals].Trim().ToLowerInvariant() switch
        {
            "kind" => Enum.TryParse(value, ignoreCase: true, out LeakKind kind) && Enum.IsDefined(kind) && !char.IsAsciiDigit(value[0])
                ? suppression with { Kind = kind }
                : null,
            "allocator" => suppression with { Allocator = new TextPattern(value, isWhole: true) },
            "tag" => suppression with { Tag = new TextPattern(value, isWhole: true) },
            "size" => ApplySize(suppression, value),
            "count" => long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long count)
                ? suppression with { MostBlocks = count }
                : null,
            "until" => DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day)
                ? suppression with { LastDay = day }
                : null,
            _ => null,
        };
    }

    // 64, 64..4k, 64.. or ..4k
    private static Suppression? ApplySize(Suppression suppression, string value)
    {
        int dots = value.IndexOf("..", StringComparison.Ordinal);
        string least = dots < 0 ? value : value[..dots];
        string most = dots < 0 ? value : value[(dots + 2)..];
        long from = 0, to = long.MaxValue;
        return (least.Length == 0 || OptionText.TryParseByteCount(least, out from))
            && (most.Length == 0 || OptionText.TryParseByteCount(most, out to))
            && least.Length + most.Length > 0 && from <= to
            ? suppression with { LeastBytes = from, MostBytes = to }
            : null;
    }

    private static string Explain(string condition)
    {
        string name = condition.Split('=')[0].Trim().ToLowerInvariant();
        return name switch
        {
            "kind" => "kind is definite, indirect or possible",
            "size" => "size is a number of bytes or a range, as in size=64, size=64..4k or size=1m..",
            "count" => "count is the most blocks that are hidden, as in count=10",
            "until" => "until is the last day, as in until=2027-06-30",
            "allocator" or "tag" => name + " wants a pattern, as in " + name + "=Marshal.*",
            _ => $"unknown condition '{name}'; the nearest is '{NearestName.Find(name, s_conditions)}' "
                + "(" + string.Join(", ", s_conditions) + ")",
        };
    }
}
