// Licensed under the MIT License. See LICENSE in the repository root.
using System.Buffers;
using System.Globalization;

namespace NativeLeak.Options;

/// <summary>Reads and writes the text of option values. Nothing here throws for any text.</summary>
internal static class OptionText
{
    // Ten thousand days: longer than any process lives, and far from the limits of TimeSpan arithmetic.
    private const double LongestSeconds = 10_000d * 24 * 3600;

    private static readonly SearchValues<char> s_numberCharacters = SearchValues.Create("0123456789.");

    private static readonly (string Suffix, double Seconds)[] s_durationUnits =
    [
        ("ms", 0.001), ("s", 1), ("sec", 1), ("m", 60), ("min", 60), ("h", 3600), ("d", 86400), (string.Empty, 1),
    ];

    private static readonly (string Suffix, int Shift)[] s_byteUnits =
    [
        (string.Empty, 0), ("b", 0), ("k", 10), ("kb", 10), ("kib", 10), ("m", 20), ("mb", 20), ("mib", 20),
        ("g", 30), ("gb", 30), ("gib", 30), ("t", 40), ("tb", 40), ("tib", 40),
    ];

    /// <summary>Reads a value of the row's kind; null when the text is not one.</summary>
    public static object? Parse(OptionDefinition row, string text) => row.Kind switch
    {
        OptionKind.Text => text.Length > 0 && !text.Contains('\0') ? text : null,
        OptionKind.Names => text.Contains('\0') ? null : text,
        OptionKind.Integer => TryParseInteger(text, row.Minimum, row.Maximum, out int number) ? number : null,
        OptionKind.ByteCount => TryParseByteCount(text, out long byteCount) ? byteCount : null,
        OptionKind.Duration => TryParseDuration(text, out TimeSpan duration) ? duration : null,
        OptionKind.Boolean => TryParseBoolean(text, out bool value) ? value : null,
        OptionKind.Choice => ParseWord(row, text),
        OptionKind.Set => ParseSet(row, text),
        _ => null,
    };

    /// <summary>Writes a value so that <see cref="Parse"/> reads it back.</summary>
    public static string Format(object value) => value switch
    {
        bool flag => flag ? "1" : "0",
        TimeSpan duration => FormatDuration(duration),
        long byteCount => FormatByteCount(byteCount),
        Enum word => word.ToString().ToLowerInvariant().Replace(" ", string.Empty, StringComparison.Ordinal),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? string.Empty,
    };

    /// <summary>Says which texts the row accepts, for warnings.</summary>
    public static string Expectation(OptionDefinition row) => row.Kind switch
    {
        OptionKind.Integer => row.Maximum == int.MaxValue
            ? string.Create(CultureInfo.InvariantCulture, $"a whole number from {row.Minimum}")
            : string.Create(CultureInfo.InvariantCulture, $"a whole number from {row.Minimum} to {row.Maximum}"),
        OptionKind.ByteCount => "a size such as 64k, 1m or 2GiB",
        OptionKind.Duration => "a time such as 250ms, 5s or 2m",
        OptionKind.Boolean => "0 or 1",
        OptionKind.Choice => "one of " + string.Join(", ", row.Words),
        OptionKind.Set => "any of " + string.Join(", ", row.Words),
        _ => "a text",
    };

    /// <summary>Reads 1, true, yes, on and their opposites, in any case.</summary>
    public static bool TryParseBoolean(ReadOnlySpan<char> text, out bool value)
    {
        Span<char> word = stackalloc char[8];
        int length = text.Length <= word.Length ? text.ToLowerInvariant(word) : 0;
        bool? read = word[..Math.Max(length, 0)] switch
        {
            "1" or "true" or "yes" or "on" => true,
            "0" or "false" or "no" or "off" => false,
            _ => null,
        };
        value = read ?? false;
        return read.HasValue;
    }

    /// <summary>Reads 250ms, 5s, 2m, 1h, 1d, with a decimal point where wanted; a bare number is seconds; off is
    /// 0.</summary>
    public static bool TryParseDuration(ReadOnlySpan<char> text, out TimeSpan value)
    {
        value = TimeSpan.Zero;
        if (text.Equals("off", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        if (!TrySplitNumber(text, out double number, out ReadOnlySpan<char> suffix))
        {
            return false;
        }

        foreach ((string unit, double seconds) in s_durationUnits)
        {
            if (suffix.Equals(unit, StringComparison.OrdinalIgnoreCase) && number * seconds <= LongestSeconds)
            {
                value = TimeSpan.FromSeconds(number * seconds);
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads 64k, 1m, 2GiB: every unit is a power of 1,024, as in every tool that measures memory.</summary>
    public static bool TryParseByteCount(ReadOnlySpan<char> text, out long value)
    {
        value = 0;
        if (!TrySplitNumber(text, out double number, out ReadOnlySpan<char> suffix))
        {
            return false;
        }

        foreach ((string unit, int shift) in s_byteUnits)
        {
            // 2^62 is the largest result that a long and a double agree on.
            if (suffix.Equals(unit, StringComparison.OrdinalIgnoreCase) && number * (1L << shift) <= 1L << 62)
            {
                value = (long)(number * (1L << shift));
                return true;
            }
        }

        return false;
    }

    private static bool TryParseInteger(ReadOnlySpan<char> text, int minimum, int maximum, out int value)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value)
            && value >= minimum && value <= maximum;

    // Digits with at most one point, then the unit; a space between them is allowed.
    private static bool TrySplitNumber(ReadOnlySpan<char> text, out double number, out ReadOnlySpan<char> suffix)
    {
        int end = text.IndexOfAnyExcept(s_numberCharacters);
        end = end < 0 ? text.Length : end;
        suffix = text[end..].Trim();
        return double.TryParse(text[..end], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number)
            && double.IsFinite(number);
    }

    private static object? ParseWord(OptionDefinition row, ReadOnlySpan<char> text)
    {
        foreach (string word in row.Words)
        {
            if (text.Equals(word, StringComparison.OrdinalIgnoreCase))
            {
                return Enum.Parse(row.Default.GetType(), word, ignoreCase: true);
            }
        }

        return null;
    }

    private static object? ParseSet(OptionDefinition row, string text)
    {
        int bits = 0;
        foreach (string part in text.Split([',', ';', '+', '|'], StringSplitOptions.TrimEntries))
        {
            object? member = ParseWord(row, part);
            if (member is null)
            {
                return null;
            }

            bits |= Convert.ToInt32(member, CultureInfo.InvariantCulture);
        }

        return Enum.ToObject(row.Default.GetType(), bits);
    }

    // In the largest unit that leaves a whole number.
    private static string FormatByteCount(long byteCount)
    {
        int unit = 0;
        while (byteCount != 0 && byteCount % 1024 == 0 && unit < 4)
        {
            byteCount /= 1024;
            unit++;
        }

        return byteCount.ToString(CultureInfo.InvariantCulture) + (unit == 0 ? string.Empty : "kmgt"[unit - 1].ToString());
    }

    private static string FormatDuration(TimeSpan duration)
    {
        double milliseconds = duration.TotalMilliseconds;
        return milliseconds % 1000 == 0
            ? (milliseconds / 1000).ToString(CultureInfo.InvariantCulture) + "s"
            : milliseconds.ToString(CultureInfo.InvariantCulture) + "ms";
    }
}
