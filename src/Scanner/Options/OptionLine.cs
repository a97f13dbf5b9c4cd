// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: splits the text of NATIVELEAK_OPTIONS into pairs of key and value.
// Who calls it: OptionReader.
// The one idea: ',' always separates; ':' separates only when a known key and '=' follow, so that C:\x and a:b survive.
namespace NativeLeak.Options;

/// <summary>One key=value of NATIVELEAK_OPTIONS. <see cref="Value"/> is null when there was no '='.</summary>
internal sealed record OptionAssignment(string Name, string? Value);

/// <summary>The grammar of NATIVELEAK_OPTIONS.</summary>
internal static class OptionLine
{
    /// <summary>Splits <paramref name="line"/>. Never throws; every part that is not empty appears in the
    /// result.</summary>
    public static IReadOnlyList<OptionAssignment> Split(string line)
    {
        List<OptionAssignment> result = [];
        int start = 0;
        for (int i = 0; i <= line.Length; i++)
        {
            if (i < line.Length && IsQuoteStart(line, i))
            {
                int close = line.IndexOf(line[i], i + 1);
                i = close < 0 ? i : close;
            }
            else if (i == line.Length || line[i] == ',' || (line[i] == ':' && KnownKeyFollows(line, i + 1)))
            {
                Add(result, line.AsSpan(start, i - start).Trim());
                start = i + 1;
            }
        }

        return result;
    }

    private static void Add(List<OptionAssignment> result, ReadOnlySpan<char> part)
    {
        if (part.IsEmpty)
        {
            return;
        }

        int equals = part.IndexOf('=');
        if (equals >= 0)
        {
            result.Add(new(part[..equals].Trim().ToString(), Unquote(part[(equals + 1)..].Trim())));
        }
        else if (result is [.., { Value: { } list } last] && Continues(last.Name, part))
        {
            // report_at=exit,signal: the comma belonged to the value.
            result[^1] = last with { Value = $"{list},{part}" };
        }
        else
        {
            result.Add(new(part.ToString(), null));
        }
    }

    private static bool Continues(string name, ReadOnlySpan<char> word)
    {
        OptionDefinition? list = OptionTable.Find(name);
        return list?.Kind switch
        {
            OptionKind.Set => Array.Exists(list.Words, word.ToString().ToLowerInvariant().Equals),
            OptionKind.Names => OptionTable.Find(word) is null,
            _ => false,
        };
    }

    // A quote counts only where a value begins, so that an apostrophe inside a path is an apostrophe.
    private static bool IsQuoteStart(string line, int index)
        => line[index] is '"' or '\'' && index > 0 && line[index - 1] == '=';

    private static bool KnownKeyFollows(string line, int index)
    {
        int equals = line.IndexOf('=', index);
        return equals >= 0 && OptionTable.Find(line.AsSpan(index, equals - index).Trim()) is not null;
    }

    private static string Unquote(ReadOnlySpan<char> value)
        => value.Length >= 2 && value[0] is '"' or '\'' && value[^1] == value[0]
            ? value[1..^1].ToString()
            : value.ToString();
}
