// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a place in a JSON document that knows its own path.
// Who calls it: ReportReader.
// The one idea: whatever is not as the schema says is told with the path of that very place.
using System.Globalization;
using System.Text.Json;

namespace NativeLeak.Cli.Reports;

/// <summary>A value and the path to it.</summary>
internal readonly struct JsonPlace(JsonElement element, string path)
{
    private const double LongestSeconds = 1e11;

    /// <summary>Whether there is anything: absent and null are the same.</summary>
    public bool IsThere => element.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    /// <summary>A property; one that is absent is a node that is not there.</summary>
    public JsonPlace this[string name]
    {
        get
        {
            string at = path.Length == 0 ? name : path + "." + name;
            return element.ValueKind != JsonValueKind.Object ? throw Wrong("an object")
                : new JsonPlace(element.TryGetProperty(name, out JsonElement value) ? value : default, at);
        }
    }

    /// <summary>A property that must be there.</summary>
    public JsonPlace Required(string name) => this[name] is { IsThere: true } node ? node
        : throw new ReportFormatException($"{(path.Length == 0 ? name : path + "." + name)} is missing");

    /// <summary>The elements of an array; none when it is not there.</summary>
    public List<T> Map<T>(Func<JsonPlace, T> read)
    {
        List<T> list = [];
        if (IsThere)
        {
            if (element.ValueKind != JsonValueKind.Array)
            {
                throw Wrong("an array");
            }

            foreach (JsonElement item in element.EnumerateArray())
            {
                list.Add(read(new JsonPlace(item, string.Create(CultureInfo.InvariantCulture, $"{path}[{list.Count}]"))));
            }
        }

        return list;
    }

    /// <summary>A text; null when it is not there.</summary>
    public string? TextOrNull() => !IsThere ? null : element.ValueKind == JsonValueKind.String ? String() : throw Wrong("a text");

    /// <summary>A text; empty when it is not there.</summary>
    public string Text() => TextOrNull() ?? string.Empty;

    /// <summary>A whole number from 0; 0 when it is not there.</summary>
    public long Count() => !IsThere ? 0
        : element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out long value) && value >= 0 ? value : throw Wrong("a whole number from 0");

    /// <summary>The same, as far as an int goes.</summary>
    public int SmallCount() => Count() is <= int.MaxValue and var value ? (int)value : throw Wrong("a smaller number");

    /// <summary>Any number; 0 when it is not there.</summary>
    public double Number() => !IsThere ? 0
        : element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out double value) && double.IsFinite(value) ? value : throw Wrong("a number");

    /// <summary>A time in units of so many seconds.</summary>
    public TimeSpan Time(double secondsPerUnit) => Number() * secondsPerUnit is > -LongestSeconds and < LongestSeconds and var seconds
        ? TimeSpan.FromSeconds(seconds) : throw Wrong("a shorter time");

    /// <summary>True or false.</summary>
    /// <param name="otherwise">What it is when it is not there.</param>
    public bool Flag(bool otherwise = false) => element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => IsThere ? throw Wrong("true or false") : otherwise,
    };

    /// <summary>A moment; null when it is not there.</summary>
    public DateTimeOffset? MomentOrNull() => !IsThere ? null
        : element.ValueKind == JsonValueKind.String && element.TryGetDateTimeOffset(out DateTimeOffset value) ? value : throw Wrong("a moment (ISO 8601)");

    /// <summary>0x and hexadecimal digits; 0 when it is not there.</summary>
    public nuint Address()
    {
        string text = Text();
        return text.Length == 0 ? 0
            : text.StartsWith("0x", StringComparison.Ordinal)
                && nuint.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out nuint address)
            ? address : throw Wrong("an address");
    }

    /// <summary>Pairs of hexadecimal digits.</summary>
    public string Hex() => Text() is var text && text.Length % 2 == 0 && text.All(char.IsAsciiHexDigit) ? text : throw Wrong("pairs of hexadecimal digits");

    /// <summary>One of the words of an enumeration; dashes between the words of a name are left out.</summary>
    public T Word<T>(T otherwise)
        where T : struct, Enum
    {
        if (TextOrNull() is not { } text)
        {
            return otherwise;
        }

        string name = text.Replace("-", string.Empty, StringComparison.Ordinal);
        return Enum.GetNames<T>().FirstOrDefault(known => known.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } found
            ? Enum.Parse<T>(found)
            : throw Wrong("one of " + string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant());
    }

    private ReportFormatException Wrong(string expected) => new(
        $"{(path.Length == 0 ? "the document" : path)} is {element.ValueKind.ToString().ToLowerInvariant()}, {expected} is expected");

    // A lone half of a surrogate pair is valid JSON and no text.
    private string String()
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Wrong("a text that is valid Unicode");
        }
    }
}
