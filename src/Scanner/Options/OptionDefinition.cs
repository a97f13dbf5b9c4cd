// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Options;

/// <summary>How an option's text is read.</summary>
internal enum OptionKind
{
    /// <summary>Any text that is not empty.</summary>
    Text,

    /// <summary>A whole number in a range.</summary>
    Integer,

    /// <summary>A number of bytes: 64k, 1m, 2GiB.</summary>
    ByteCount,

    /// <summary>A time: 250ms, 5s, 2m; "off" is zero.</summary>
    Duration,

    /// <summary>0 or 1, and the usual words for them.</summary>
    Boolean,

    /// <summary>One of a few words.</summary>
    Choice,

    /// <summary>Any number of a few words, separated by commas; "none" is the empty set.</summary>
    Set,

    /// <summary>Any number of names, separated by commas or semicolons.</summary>
    Names,
}

/// <summary>One row of the option table: everything that parsing, help and documentation know about a key.</summary>
/// <param name="Key">Which option.</param>
/// <param name="Name">Its name in NATIVELEAK_OPTIONS; upper-cased in a variable of its own.</param>
/// <param name="Kind">How its text is read.</param>
/// <param name="Default">The value when nobody says anything.</param>
/// <param name="Unit">What the value is counted in, or the form it has; for the help.</param>
/// <param name="Help">One sentence.</param>
internal sealed record OptionDefinition(
    OptionKey Key, string Name, OptionKind Kind, object Default, string Unit, string Help)
{
    /// <summary>For <see cref="OptionKind.Integer"/>: the smallest value allowed.</summary>
    public int Minimum { get; init; }

    /// <summary>For <see cref="OptionKind.Integer"/>: the largest value allowed.</summary>
    public int Maximum { get; init; } = int.MaxValue;

    private string[]? _words;

    /// <summary>The words of a choice or a set: the names of the members of the value's enum, in lower case.</summary>
    // When they are asked for: the names of an enum cost half a millisecond, and most programs name no word.
    public string[] Words => _words ??= Kind is OptionKind.Choice or OptionKind.Set
        ? Array.ConvertAll(Enum.GetNames(Default.GetType()), static name => name.ToLowerInvariant())
        : [];

    /// <summary>The name of the variable that sets this key alone.</summary>
    public string VariableName => OptionTable.VariablePrefix + Name.ToUpperInvariant();
}
