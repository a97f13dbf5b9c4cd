// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Injection;

/// <summary>
/// The few options that must be known before the detector is loaded: whether, where, and for which processes.
/// </summary>
/// <remarks>
/// Same layers as the detector's own reader, highest first: <c>NATIVELEAK_KEY</c>, <c>NATIVELEAK_OPTIONS</c>, the
/// runtimeconfig property <c>NativeLeak.key</c> or <c>NativeLeak.Key</c>. Nothing is warned about here: the detector reads
/// the same texts again and does that.
/// </remarks>
internal static class HookSettings
{
    /// <summary>The variable that switches the detector on.</summary>
    public const string LevelVariable = "NATIVELEAK";

    /// <summary>Start of the name of every other variable of ours.</summary>
    public const string VariablePrefix = "NATIVELEAK_";

    /// <summary>Patterns of applications to watch, and no others.</summary>
    public static string? Processes => Read("processes");

    /// <summary>Patterns of applications never to watch.</summary>
    public static string? ExcludedProcesses => Read("exclude_processes");

    /// <summary>Whether processes started by this one are watched too.</summary>
    public static bool IsInherited => !IsNo(Read("inherit"));

    /// <summary>Whether the user wants to hear about troubles.</summary>
    public static bool IsVerbose => Read("verbosity") is { } text && !IsNo(text);

    /// <summary>The report file, as written; null when none was named.</summary>
    public static string? LogPath => Read("log_path");

    /// <summary>Whether the text of <see cref="LevelVariable"/> switches the detector on.</summary>
    public static bool IsOn(string? level) => !string.IsNullOrWhiteSpace(level) && !IsNo(level);

    /// <summary>Finds <c>key=value</c> in the text of <c>NATIVELEAK_OPTIONS</c>; null when it is not there.</summary>
    /// <remarks>A value ends where a ',' or ':' is followed by another <c>key=</c>, so lists keep their commas.</remarks>
    public static string? FindInLine(string? line, string key)
    {
        string? found = null;
        for (int at = 0; line is not null && at < line.Length;)
        {
            int end = EndOfAssignment(line, at);
            ReadOnlySpan<char> part = line.AsSpan(at, end - at).Trim();
            int equals = part.IndexOf('=');
            if (equals > 0 && part[..equals].Trim().Equals(key, StringComparison.OrdinalIgnoreCase))
            {
                found = part[(equals + 1)..].Trim().Trim("\"'").ToString(); // the last one counts
            }

            at = end + 1;
        }

        return found;
    }

    private static int EndOfAssignment(string line, int start)
    {
        for (int i = start; i < line.Length; i++)
        {
            if (line[i] is ',' or ':' && IsAssignment(line.AsSpan(i + 1)))
            {
                return i;
            }
        }

        return line.Length;
    }

    private static bool IsAssignment(ReadOnlySpan<char> text)
    {
        text = text.TrimStart();
        int length = 0;
        while (length < text.Length && (char.IsAsciiLetter(text[length]) || text[length] == '_'))
        {
            length++;
        }

        return length > 0 && length < text.Length && text[length] == '=';
    }

    private static bool IsNo(string? text)
    {
        ReadOnlySpan<char> word = text.AsSpan().Trim();
        return word.SequenceEqual("0") || word.Equals("off", StringComparison.OrdinalIgnoreCase)
            || word.Equals("false", StringComparison.OrdinalIgnoreCase) || word.Equals("no", StringComparison.OrdinalIgnoreCase);
    }

    private static string? Read(string key)
    {
        string? text = Environment.GetEnvironmentVariable(VariablePrefix + key.ToUpperInvariant());
        return !string.IsNullOrEmpty(text) ? text
            : FindInLine(Environment.GetEnvironmentVariable(VariablePrefix + "OPTIONS"), key)
            ?? AppContext.GetData("NativeLeak." + PascalName(key))?.ToString()
            ?? AppContext.GetData("NativeLeak." + key)?.ToString();
    }

    private static string PascalName(string key)
    {
        string result = "";
        foreach (string part in key.Split('_'))
        {
            result += char.ToUpperInvariant(part[0]) + part[1..];
        }

        return result;
    }
}
