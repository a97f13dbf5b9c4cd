// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text;
using NativeLeak.Reporting;

namespace NativeLeak.Cli.Terminals;

/// <summary>Rows of texts in columns, for files and pipes; names in them are free of control characters.</summary>
internal static class PlainTable
{
    /// <summary>The table; the last column is as wide as it gets.</summary>
    public static string Write(IReadOnlyList<string[]> rows)
    {
        string[][] cells = [.. rows.Select(static row => row.Select(TerminalText.Escape).ToArray())];
        StringBuilder text = new();
        foreach (string[] row in cells)
        {
            for (int i = 0; i < row.Length; i++)
            {
                int width = cells.Max(other => i < other.Length ? other[i].Length : 0);
                text.Append(i == row.Length - 1 ? row[i] : row[i].PadRight(width + 2));
            }

            text.Append('\n');
        }

        return text.ToString();
    }
}
