// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: puts the layers together: defaults < runtimeconfig < NATIVELEAK_OPTIONS < NATIVELEAK_KEY (< code, later).
// Who calls it: Startup, and the constructor of LeakDetectorOptions.
// The one idea: a text that cannot be used changes nothing but the list of warnings.

namespace NativeLeak.Options;

/// <summary>Reads options from the environment and the runtime's configuration.</summary>
internal static class OptionReader
{
    // In the order of the enum.
    private static readonly string[] s_levels = ["off", "count", "sample", "on", "paranoid"];

    /// <summary>Reads every layer. Never throws.</summary>
    /// <param name="source">Where texts come from.</param>
    /// <param name="isStartedByVariable">Whether the environment started the detector: then exit codes are not touched
    /// unless asked.</param>
    public static OptionSet Read(IOptionSource source, bool isStartedByVariable)
    {
        OptionSet set = new();
        DetectorLevel level = ReadLevel(source.GetVariable(OptionTable.LevelVariable), out string? warning);
        if (isStartedByVariable)
        {
            set.Set(OptionKey.FailOn, FailOn.None, OptionOrigin.Default);
            if (warning is not null)
            {
                set.Warn(warning);
            }
        }

        // What code starts is on, unless the variable names another level or code sets one.
        if (level != DetectorLevel.Off)
        {
            set.SetLevel(level, OptionOrigin.KeyVariable);
        }

        ReadProperties(source, set);
        ReadLine(source.GetVariable(OptionTable.OptionsVariable), set);
        ReadVariables(source, set);
        return set;
    }

    /// <summary>Reads the word in NATIVELEAK.</summary>
    /// <param name="text">The word; null or empty means off.</param>
    /// <param name="warning">A sentence when the word is not known.</param>
    public static DetectorLevel ReadLevel(string? text, out string? warning)
    {
        string word = (text ?? string.Empty).Trim().ToLowerInvariant();
        warning = null;
        if (word.Length == 0)
        {
            return DetectorLevel.Off;
        }

        if (OptionText.TryParseBoolean(word, out bool on))
        {
            return on ? DetectorLevel.On : DetectorLevel.Off;
        }

        int index = Array.IndexOf(s_levels, word);
        if (index >= 0)
        {
            return (DetectorLevel)index;
        }

        warning = $"unknown level '{Shown(word)}' in NATIVELEAK; the nearest is '{NearestName.Find(word, s_levels)}'; "
            + "it behaves as 'on'";
        return DetectorLevel.On;
    }

    // NativeLeak.min_age and NativeLeak.MinAge both: the first is how the key is written everywhere, the second is how
    // runtimeconfig properties look.
    private static void ReadProperties(IOptionSource source, OptionSet set)
    {
        foreach (OptionDefinition row in OptionTable.Rows)
        {
            ReadProperty(source, set, row, "NativeLeak." + row.Name);
            ReadProperty(source, set, row, "NativeLeak." + PascalName(row.Name));
        }
    }

    private static void ReadProperty(IOptionSource source, OptionSet set, OptionDefinition row, string name)
    {
        if (source.GetProperty(name) is { } text)
        {
            Apply(set, row, text, name, OptionOrigin.RuntimeConfig);
        }
    }

    private static void ReadLine(string? line, OptionSet set)
    {
        if (string.IsNullOrEmpty(line))
        {
            return;
        }

        foreach (OptionAssignment assignment in OptionLine.Split(line))
        {
            OptionDefinition? row = OptionTable.Find(assignment.Name);
            if (row is null)
            {
                WarnUnknown(set, assignment.Name, OptionTable.OptionsVariable);
            }
            else if (assignment.Value is null && row.Kind != OptionKind.Boolean)
            {
                set.Warn($"'{row.Name}' in {OptionTable.OptionsVariable} has no value; "
                    + OptionText.Expectation(row) + " is expected");
            }
            else
            {
                Apply(set, row, assignment.Value ?? "1", OptionTable.OptionsVariable, OptionOrigin.OptionsVariable);
            }
        }
    }

    private static void ReadVariables(IOptionSource source, OptionSet set)
    {
        foreach (string variable in source.GetVariableNames(OptionTable.VariablePrefix))
        {
            string name = variable[OptionTable.VariablePrefix.Length..];
            if (variable == OptionTable.OptionsVariable)
            {
                continue;
            }

            if (OptionTable.Find(name) is not { } row)
            {
                WarnUnknown(set, name.ToLowerInvariant(), variable);
            }
            else if (source.GetVariable(variable) is { Length: > 0 } text)
            {
                Apply(set, row, text, variable, OptionOrigin.KeyVariable);
            }
        }
    }

    private static void Apply(OptionSet set, OptionDefinition row, string text, string where, OptionOrigin origin)
    {
        object? value = OptionText.Parse(row, text.Trim());
        if (value is not null)
        {
            set.Set(row.Key, value, origin);
            return;
        }

        string nearest = row.Words.Length > 0
            ? $"; the nearest is '{NearestName.Find(text, row.Words)}'"
            : string.Empty;
        set.Warn($"bad value '{Shown(text)}' for '{row.Name}' in {where}: {OptionText.Expectation(row)} is expected"
            + $"{nearest}; '{OptionText.Format(set.Get(row.Key))}' stays");
    }

    private static void WarnUnknown(OptionSet set, string name, string where)
        => set.Warn($"unknown option '{Shown(name)}' in {where}; "
            + $"the nearest is '{NearestName.Find(name, OptionTable.Names)}'");

    private static string Shown(string text) => text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 60), "…");

    private static string PascalName(string name)
    {
        Span<char> result = stackalloc char[name.Length];
        int length = 0;
        bool startsWord = true;
        foreach (char letter in name)
        {
            if (letter != '_')
            {
                result[length++] = startsWord ? char.ToUpperInvariant(letter) : letter;
            }

            startsWord = letter == '_';
        }

        return new string(result[..length]);
    }
}
