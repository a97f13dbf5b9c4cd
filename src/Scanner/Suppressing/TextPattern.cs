// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Suppressing;

/// <summary>A text with asterisks. Upper and lower case are different, as in C#. Thread-safe.</summary>
internal sealed class TextPattern
{
    private readonly string[] _parts;
    private readonly bool _fromStart;
    private readonly bool _toEnd;

    /// <summary>Reads a pattern; the empty one fits everything.</summary>
    /// <param name="text">The text; <c>*</c> stands for any number of characters, <c>^</c> in front for the start of the text,
    /// <c>$</c> at the end for its end.</param>
    /// <param name="isWhole">Whether it must fit the whole text, or any part of it.</param>
    public TextPattern(string text, bool isWhole)
    {
        bool hasStart = text.StartsWith('^');
        string rest = hasStart ? text[1..] : text;
        bool hasEnd = rest.EndsWith('$');
        rest = hasEnd ? rest[..^1] : rest;
        (_fromStart, _toEnd) = (hasStart || isWhole, hasEnd || isWhole);
        _parts = rest.Split('*');
    }

    /// <summary>Whether a text fits.</summary>
    public bool Fits(string text)
    {
        // First come is right: whatever fits behind a later place fits behind the earliest one as well.
        int at = 0;
        for (int i = 0; i < _parts.Length; i++)
        {
            bool isFixedStart = i == 0 && _fromStart;
            bool isFixedEnd = i == _parts.Length - 1 && _toEnd;
            int found = isFixedStart
                ? (text.StartsWith(_parts[i], StringComparison.Ordinal) ? 0 : -1)
                : isFixedEnd ? text.Length - _parts[i].Length : text.IndexOf(_parts[i], at, StringComparison.Ordinal);
            if (found < at || (isFixedEnd && string.CompareOrdinal(text, found, _parts[i], 0, text.Length) != 0))
            {
                return false;
            }

            at = found + _parts[i].Length;
        }

        return !_toEnd || at == text.Length;
    }
}
