// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Text;

namespace NativeLeak.Reporting;

/// <summary>Makes names that come from the application harmless on a terminal: names of methods, files and threads may
/// hold any character, also escape sequences and marks that turn the direction of writing.</summary>
internal static class TerminalText
{
    /// <summary>The text with every control and direction character written as \uXXXX.</summary>
    public static string Escape(string text)
    {
        if (!text.Any(NeedsEscape))
        {
            return text;
        }

        StringBuilder result = new(text.Length + 16);
        foreach (char character in text)
        {
            if (NeedsEscape(character))
            {
                result.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
            }
            else
            {
                result.Append(character);
            }
        }

        return result.ToString();
    }

    private static bool NeedsEscape(char character) => char.GetUnicodeCategory(character)
        is UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
