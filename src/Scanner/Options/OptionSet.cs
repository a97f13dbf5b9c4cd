// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Options;

/// <summary>The values of all options with their origins, and what was wrong with the texts they came from.</summary>
internal sealed class OptionSet
{
    private readonly object[] _values = OptionTable.Defaults();
    private readonly OptionOrigin[] _origins = new OptionOrigin[OptionTable.Rows.Length];
    private readonly List<string> _warnings = [];

    /// <summary>The level. Not a key: it has the variable NATIVELEAK to itself.</summary>
    public DetectorLevel Level { get; private set; } = DetectorLevel.On;

    /// <summary>Where the level came from.</summary>
    public OptionOrigin LevelOrigin { get; private set; }

    /// <summary>One sentence per unknown key and per bad value.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>The value of an option.</summary>
    public T Get<T>(OptionKey key) => (T)_values[(int)key];

    /// <summary>The value of an option, untyped.</summary>
    public object Get(OptionKey key) => _values[(int)key];

    /// <summary>Where the value came from.</summary>
    public OptionOrigin GetOrigin(OptionKey key) => _origins[(int)key];

    /// <summary>Sets a value.</summary>
    public void Set(OptionKey key, object value, OptionOrigin origin)
        => (_values[(int)key], _origins[(int)key]) = (value, origin);

    /// <summary>Sets the level, and the defaults that go with it where nobody said anything else.</summary>
    public void SetLevel(DetectorLevel level, OptionOrigin origin)
    {
        (Level, LevelOrigin) = (level, origin);
        foreach (OptionDefinition row in OptionTable.Rows)
        {
            if (GetOrigin(row.Key) <= OptionOrigin.Level)
            {
                object? value = LevelDefaults.Find(level, row.Key);
                if (value is not null || GetOrigin(row.Key) == OptionOrigin.Level)
                {
                    Set(row.Key, value ?? row.Default, value is null ? OptionOrigin.Default : OptionOrigin.Level);
                }
            }
        }
    }

    /// <summary>Adds a warning; the same sentence is kept once.</summary>
    public void Warn(string sentence)
    {
        if (!_warnings.Contains(sentence))
        {
            _warnings.Add(sentence);
        }
    }
}
